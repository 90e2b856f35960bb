//! Asks a cluster what programs that are built on kube-rs ask, and says what it answers differently than they expect.

mod operator;
mod pods;
mod tour;

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::{
    apps::v1::{Deployment, DeploymentSpec},
    core::v1::{ConfigMap, Container, Namespace, PodSpec, PodTemplateSpec},
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::{
    Api, Client, Discovery, Resource, ResourceExt,
    api::{DeleteParams, DynamicObject, ListParams, ObjectMeta, Patch, PatchParams, PostParams, WatchEvent, WatchParams},
    core::PartialObjectMetaExt,
    discovery::{self, Scope, verbs},
    runtime::{WatchStreamExt, reflector, wait::{await_condition, conditions}, watcher},
};
use tour::Tour;

pub const NAMESPACE: &str = "kube-rs";

#[tokio::main]
async fn main() -> Result<()> {
    let client = Client::try_default().await?;
    let namespace = Namespace { metadata: ObjectMeta { name: Some(NAMESPACE.into()), ..Default::default() }, ..Default::default() };
    Api::<Namespace>::all(client.clone()).create(&PostParams::default(), &namespace).await?;
    let mut tour = Tour::default();
    tour.check("objects: create, get, replace, list, delete, with errors that are told apart", objects(&client)).await;
    tour.check("patches: merge, strategic, JSON, apply with a conflict, and of metadata alone", patches(&client)).await;
    tour.check("watch: events since a version, and bookmarks", watch(&client)).await;
    tour.check("watcher: a reflector with a streamed first list follows", reflected(&client, watcher::Config::default().streaming_lists())).await;
    tour.check("watcher: a reflector with a plain first list in pages follows", reflected(&client, watcher::Config::default().page_size(2))).await;
    tour.check("subresources: scale and status, and conditions that are waited for", subresources(&client)).await;
    tour.check("discovery: groups, pinned kinds and their capabilities", discoveries(&client)).await;
    tour.check("operator: a derived definition, schema, finalizer, owned objects and events", operator::works(&client)).await;
    if std::env::var("PODS").as_deref() == Ok("yes") {
        tour.check("pods: one runs, tells its log, takes commands with input and a terminal", pods::exec(&client)).await;
        tour.check("pods: port-forward", pods::forward(&client)).await;
        tour.check("pods: attach, evict, ephemeral containers", pods::attach(&client)).await;
    } else {
        println!("skipped exec, logs and port-forward: the cluster has no node");
    }
    std::process::exit(tour.end())
}

pub fn named<T: Resource<DynamicType = ()> + Default>(name: &str) -> T {
    let mut object = T::default();
    object.meta_mut().name = Some(name.into());
    object
}

fn map(name: &str, value: &str) -> ConfigMap {
    ConfigMap { data: Some(BTreeMap::from([("k".into(), value.into())])), ..named(name) }
}

async fn objects(client: &Client) -> Result<()> {
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), NAMESPACE);
    let made = maps.create(&PostParams::default(), &map("a", "1")).await?;
    match maps.create(&PostParams::default(), &map("a", "1")).await {
        Err(kube::Error::Api(status)) if status.is_already_exists() => {}
        other => bail!("created twice: {other:?}"),
    }
    let mut changed = made.clone();
    changed.data = Some(BTreeMap::from([("k".into(), "2".into())]));
    let changed = maps.replace("a", &PostParams::default(), &changed).await?;
    match maps.replace("a", &PostParams::default(), &made).await {
        Err(kube::Error::Api(status)) if status.is_conflict() => {}
        other => bail!("replaced an old one: {other:?}"),
    }
    ensure!(maps.get("a").await?.resource_version() == changed.resource_version());
    ensure!(maps.get_opt("nowhere").await?.is_none());
    let dry = PostParams { dry_run: true, field_manager: Some("tour".into()) };
    maps.create(&dry, &map("dry", "")).await?;
    ensure!(maps.get_opt("dry").await?.is_none(), "a dry run was stored");
    let mut entry = maps.entry("entered").await?.or_insert(|| map("entered", "1"));
    entry.commit(&PostParams::default()).await?;
    let mut seen = 0;
    let mut page = ListParams::default().limit(1);
    loop {
        let list = maps.list(&page).await?;
        seen += list.items.len();
        match list.metadata.continue_ {
            Some(next) if !next.is_empty() => page = page.continue_token(&next),
            _ => break,
        }
    }
    ensure!(seen >= 2, "saw {seen} in pages");
    maps.delete("a", &DeleteParams::background()).await?;
    maps.delete_collection(&DeleteParams::default(), &ListParams::default().fields("metadata.name=entered")).await?;
    ensure!(maps.get_opt("entered").await?.is_none());
    Ok(())
}

async fn patches(client: &Client) -> Result<()> {
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), NAMESPACE);
    maps.create(&PostParams::default(), &map("patched", "1")).await?;
    let none = PatchParams::default();
    let merged = maps.patch("patched", &none, &Patch::Merge(serde_json::json!({"data": {"k": null, "m": "1"}}))).await?;
    ensure!(merged.data == Some(BTreeMap::from([("m".into(), "1".into())])), "merged to {:?}", merged.data);
    let strategic = serde_json::json!({"metadata": {"finalizers": ["example.com/a"]}});
    maps.patch("patched", &none, &Patch::Strategic(strategic)).await?;
    let more = maps.patch("patched", &none, &Patch::Strategic(serde_json::json!({"metadata": {"finalizers": ["example.com/b"]}}))).await?;
    ensure!(more.finalizers().len() == 2, "finalizers {:?}", more.finalizers());
    let json: kube::core::response::Status = match maps
        .patch("patched", &none, &Patch::<()>::Json(serde_json::from_value(serde_json::json!([{"op": "test", "path": "/data/m", "value": "2"}]))?))
        .await
    {
        Err(kube::Error::Api(status)) => *status,
        other => bail!("a test that does not hold: {other:?}"),
    };
    ensure!(json.is_invalid(), "{json:?}");
    maps.patch("patched", &none, &Patch::Merge(serde_json::json!({"metadata": {"finalizers": null}}))).await?;
    let apply = |manager: &str, value: &str| {
        let maps = maps.clone();
        let wanted = serde_json::json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "applied"}, "data": {"k": value}});
        let params = PatchParams::apply(manager);
        async move { maps.patch("applied", &params, &Patch::Apply(wanted)).await }
    };
    apply("one", "1").await?;
    match apply("two", "2").await {
        Err(kube::Error::Api(status)) if status.is_conflict() => {
            let causes = status.details.as_ref().map(|details| details.causes.len()).unwrap_or_default();
            ensure!(causes == 1, "{causes} causes");
        }
        other => bail!("no conflict: {other:?}"),
    }
    let meta = ObjectMeta { labels: Some(BTreeMap::from([("of".into(), "metadata".into())])), ..Default::default() };
    let only = meta.into_request_partial::<ConfigMap>();
    let partial = maps.patch_metadata("applied", &PatchParams::apply("three"), &Patch::Apply(&only)).await?;
    ensure!(partial.labels().contains_key("of"));
    let metadata: Vec<_> = maps.list_metadata(&ListParams::default().labels("of=metadata")).await?.items;
    ensure!(metadata.len() == 1 && metadata[0].uid() == partial.uid());
    Ok(())
}

async fn watch(client: &Client) -> Result<()> {
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), NAMESPACE);
    let since = maps.list(&ListParams::default()).await?.metadata.resource_version.context("no version")?;
    maps.create(&PostParams::default(), &map("watched", "1")).await?;
    maps.delete("watched", &DeleteParams::default()).await?;
    let params = WatchParams::default().fields("metadata.name=watched").timeout(5);
    let mut events = maps.watch(&params, &since).await?.boxed();
    let mut kinds = Vec::new();
    while let Some(event) = events.try_next().await? {
        match event {
            WatchEvent::Added(_) => kinds.push("added"),
            WatchEvent::Deleted(_) => kinds.push("deleted"),
            WatchEvent::Bookmark(_) => kinds.push("bookmark"),
            other => bail!("{other:?}"),
        }
        if kinds.contains(&"bookmark") {
            break;
        }
    }
    ensure!(kinds == ["added", "deleted", "bookmark"] || kinds == ["added", "deleted"], "watched {kinds:?}");
    Ok(())
}

async fn reflected(client: &Client, config: watcher::Config) -> Result<()> {
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), NAMESPACE);
    for index in 0..3 {
        maps.patch(&format!("there-{index}"), &PatchParams::apply("tour").force(), &Patch::Apply(map(&format!("there-{index}"), ""))).await.ok();
    }
    let (reader, writer) = reflector::store();
    let stream = watcher(maps.clone(), config).default_backoff().reflect(writer).applied_objects();
    let driver = tokio::spawn(async move { stream.for_each(|_| futures::future::ready(())).await });
    reader.wait_until_ready().await?;
    let listed = maps.list(&ListParams::default()).await?.items.len();
    ensure!(reader.len() == listed, "{} reflected of {listed}", reader.len());
    maps.create(&PostParams::default(), &map("late", "")).await?;
    tour::eventually("reflected", || reader.find(|found| found.name_any() == "late").is_some()).await?;
    maps.delete("late", &DeleteParams::default()).await?;
    tour::eventually("forgotten", || reader.find(|found| found.name_any() == "late").is_none()).await?;
    driver.abort();
    Ok(())
}

fn deployment(name: &str) -> Deployment {
    let labels = BTreeMap::from([("app".to_string(), name.to_string())]);
    let container = Container { name: "main".into(), image: Some("tsukube.local/busybox".into()), command: Some(vec!["sleep".into(), "infinity".into()]), ..Default::default() };
    Deployment {
        spec: DeploymentSpec {
            replicas: Some(0),
            selector: LabelSelector { match_labels: Some(labels.clone()), ..Default::default() },
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta { labels: Some(labels), ..Default::default() }),
                spec: Some(PodSpec { containers: vec![container], termination_grace_period_seconds: Some(0), ..Default::default() }),
            },
            ..Default::default()
        },
        ..named(name)
    }
}

async fn subresources(client: &Client) -> Result<()> {
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), NAMESPACE);
    deployments.create(&PostParams::default(), &deployment("scaled")).await?;
    let completed = await_condition(deployments.clone(), "scaled", conditions::is_deployment_completed());
    tokio::time::timeout(Duration::from_secs(30), completed).await??;
    let scale = deployments.patch_scale("scaled", &PatchParams::default(), &Patch::Merge(serde_json::json!({"spec": {"replicas": 1}}))).await?;
    ensure!(scale.spec.and_then(|spec| spec.replicas) == Some(1));
    ensure!(deployments.get_scale("scaled").await?.spec.and_then(|spec| spec.replicas) == Some(1));
    let condition = serde_json::json!({"status": {"conditions": [{"type": "Tour", "status": "True"}]}});
    deployments.patch_status("scaled", &PatchParams::default(), &Patch::Merge(condition)).await?;
    deployments.restart("scaled").await?;
    let uid = deployments.get("scaled").await?.uid().context("no uid")?;
    deployments.delete("scaled", &DeleteParams::foreground()).await?;
    tokio::time::timeout(Duration::from_secs(30), await_condition(deployments, "scaled", conditions::is_deleted(&uid))).await??;
    Ok(())
}

async fn discoveries(client: &Client) -> Result<()> {
    for aggregated in [false, true] {
        let found = if aggregated { Discovery::new(client.clone()).run_aggregated().await? } else { Discovery::new(client.clone()).run().await? };
        ensure!(found.groups().count() > 15, "{} groups", found.groups().count());
        let (resource, capabilities) = found.resolve_gvk(&kube::core::GroupVersionKind::gvk("apps", "v1", "Deployment")).context("no Deployment")?;
        ensure!(resource.plural == "deployments" && capabilities.scope == Scope::Namespaced && capabilities.supports_operation(verbs::PATCH));
        ensure!(capabilities.subresources.iter().any(|(sub, _)| sub.plural == "scale"), "no scale of {:?}", capabilities.subresources.len());
    }
    let (resource, _) = discovery::pinned_kind(client, &kube::core::GroupVersionKind::gvk("", "v1", "ConfigMap")).await?;
    let dynamic: Api<DynamicObject> = Api::namespaced_with(client.clone(), NAMESPACE, &resource);
    ensure!(!dynamic.list(&ListParams::default()).await?.items.is_empty());
    ensure!(client.apiserver_version().await?.major == "1");
    Ok(())
}
