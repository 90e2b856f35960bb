use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result, ensure};
use futures::StreamExt;
use k8s_openapi::api::{core::v1::ConfigMap, events::v1::Event};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, Client, CustomResource, CustomResourceExt, Resource, ResourceExt,
    api::{DeleteParams, ListParams, ObjectMeta, Patch, PatchParams, PostParams},
    runtime::{
        Controller, controller::Action,
        events::{Event as Told, EventType, Recorder, Reporter},
        finalizer::{Event as Finalizer, finalizer},
        wait::{await_condition, conditions},
        watcher,
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::NAMESPACE;

#[derive(CustomResource, Serialize, Deserialize, Default, Clone, Debug, JsonSchema)]
#[kube(group = "kube-rs.example.com", version = "v1", kind = "Boat", namespaced, status = "BoatStatus", shortname = "bt")]
#[kube(printcolumn = r#"{"name":"Sails","type":"integer","jsonPath":".spec.sails"}"#, selectable = ".spec.harbour")]
#[kube(validation = "self.spec.sails <= 4")]
pub struct BoatSpec {
    sails: u32,
    harbour: Option<String>,
}

#[derive(Serialize, Deserialize, Default, Clone, Debug, JsonSchema)]
pub struct BoatStatus {
    afloat: bool,
}

struct Crew {
    client: Client,
    recorder: Recorder,
}

async fn reconcile(boat: Arc<Boat>, crew: Arc<Crew>) -> Result<Action, kube::runtime::finalizer::Error<kube::Error>> {
    let boats: Api<Boat> = Api::namespaced(crew.client.clone(), NAMESPACE);
    finalizer(&boats, "kube-rs.example.com/moored", boat, |event| async {
        let maps: Api<ConfigMap> = Api::namespaced(crew.client.clone(), NAMESPACE);
        match event {
            Finalizer::Apply(boat) => {
                let log = ConfigMap {
                    metadata: ObjectMeta { name: Some(boat.name_any()), owner_references: boat.controller_owner_ref(&()).map(|owner| vec![owner]), ..Default::default() },
                    ..Default::default()
                };
                maps.patch(&boat.name_any(), &PatchParams::apply("crew").force(), &Patch::Apply(log)).await?;
                if boat.status.as_ref().is_none_or(|status| !status.afloat) {
                    let boats: Api<Boat> = Api::namespaced(crew.client.clone(), NAMESPACE);
                    boats.patch_status(&boat.name_any(), &PatchParams::default(), &Patch::Merge(serde_json::json!({"status": {"afloat": true}}))).await?;
                    let told = Told { type_: EventType::Normal, reason: "Launched".into(), note: None, action: "Launch".into(), secondary: None };
                    crew.recorder.publish(&told, &boat.object_ref(&())).await?;
                }
            }
            Finalizer::Cleanup(boat) => {
                let wreck = ConfigMap { metadata: ObjectMeta { name: Some(format!("moored-{}", boat.name_any())), ..Default::default() }, ..Default::default() };
                maps.create(&PostParams::default(), &wreck).await?;
            }
        }
        Ok(Action::await_change())
    })
    .await
}

/// Defines a kind, runs a controller of it, and looks at what it does.
pub async fn works(client: &Client) -> Result<()> {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    definitions.patch("boats.kube-rs.example.com", &PatchParams::apply("tour").force(), &Patch::Apply(Boat::crd())).await?;
    let established = await_condition(definitions, "boats.kube-rs.example.com", conditions::is_crd_established());
    tokio::time::timeout(Duration::from_secs(20), established).await??;
    let boats: Api<Boat> = Api::namespaced(client.clone(), NAMESPACE);
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), NAMESPACE);
    let reporter = Reporter { controller: "crew".into(), instance: None };
    let crew = Arc::new(Crew { client: client.clone(), recorder: Recorder::new(client.clone(), reporter) });
    let controller = Controller::new(boats.clone(), watcher::Config::default())
        .owns(maps.clone(), watcher::Config::default())
        .run(reconcile, |_, _, _| Action::requeue(Duration::from_secs(1)), crew);
    let running = tokio::spawn(controller.for_each(|outcome| {
        if let Err(error) = outcome {
            eprintln!("{error:?}");
        }
        futures::future::ready(())
    }));

    boats.create(&PostParams::default(), &Boat::new("ark", BoatSpec { sails: 2, harbour: Some("north".into()) })).await?;
    let afloat = await_condition(boats.clone(), "ark", |boat: Option<&Boat>| boat.and_then(|boat| boat.status.as_ref()).is_some_and(|status| status.afloat));
    tokio::time::timeout(Duration::from_secs(20), afloat).await??;
    let ark = boats.get("ark").await?;
    let log = maps.get("ark").await?;
    ensure!(log.owner_references().iter().any(|owner| Some(&owner.uid) == ark.meta().uid.as_ref()), "log {log:?}");
    let refused = boats.create(&PostParams::default(), &Boat::new("mad", BoatSpec { sails: 9, harbour: None })).await;
    ensure!(matches!(&refused, Err(kube::Error::Api(status)) if status.is_invalid()), "nine sails: {refused:?}");
    ensure!(boats.list(&ListParams::default().fields("spec.harbour=north")).await?.items.len() == 1);
    let events: Api<Event> = Api::namespaced(client.clone(), NAMESPACE);
    let told = events.list(&ListParams::default().fields("reason=Launched,regarding.name=ark")).await?;
    ensure!(told.items.len() == 1, "told of {} times", told.items.len());
    let uid = ark.uid().context("no uid")?;
    boats.delete("ark", &DeleteParams::default()).await?;
    tokio::time::timeout(Duration::from_secs(20), await_condition(boats, "ark", conditions::is_deleted(&uid))).await??;
    maps.get("moored-ark").await?;
    let log_uid = log.uid().context("no uid")?;
    tokio::time::timeout(Duration::from_secs(20), await_condition(maps, "ark", conditions::is_deleted(&log_uid))).await??;
    running.abort();
    Ok(())
}
