"""kubernetes_asyncio, kr8s, and an operator on kopf."""

import asyncio
import os
import threading

import kopf
import kr8s
import kubernetes_asyncio
from kubernetes import client
from kubernetes.client.rest import ApiException
from kr8s.asyncio.objects import ConfigMap, Deployment, Pod

from main import NAMESPACE, check, eventually, expect

GROUP = "kopf.example.com"


async def asynchronous():
    await kubernetes_asyncio.config.load_kube_config(os.environ["KUBECONFIG"])
    async with kubernetes_asyncio.client.ApiClient() as api:
        core = kubernetes_asyncio.client.CoreV1Api(api)
        body = {"metadata": {"name": "asynchronous"}, "data": {"k": "1"}}
        await core.create_namespaced_config_map(NAMESPACE, body)
        async with kubernetes_asyncio.watch.Watch() as watcher:
            async for event in watcher.stream(core.list_namespaced_config_map, NAMESPACE, timeout_seconds=5):
                expect(event["type"] == "ADDED", f"watched {event['type']}")
                break
        await core.delete_namespaced_config_map("asynchronous", NAMESPACE)
    if os.environ.get("PODS") == "yes":
        async with kubernetes_asyncio.stream.WsApiClient() as api:
            core = kubernetes_asyncio.client.CoreV1Api(api)
            said = await core.connect_get_namespaced_pod_exec("page", NAMESPACE, command=["echo", "hi"], stderr=True, stdin=False, stdout=True, tty=False)
            expect(said == "hi\n", f"said {said!r}")


async def kr8s_objects():
    api = await kr8s.asyncio.api(kubeconfig=os.environ["KUBECONFIG"], namespace=NAMESPACE)
    map_ = await ConfigMap({"metadata": {"name": "kr8s", "namespace": NAMESPACE}, "data": {"k": "1"}}, api=api)
    await map_.create()
    await map_.patch({"data": {"k": "2"}})
    await map_.refresh()
    expect(map_.data == {"k": "2"}, f"data {map_.data}")
    await map_.label(a="b")
    found = [each async for each in api.get("configmaps", namespace=NAMESPACE, label_selector={"a": "b"})]
    expect([each.name for each in found] == ["kr8s"], f"found {found}")
    deployment = await Deployment.get("from-yaml", namespace=NAMESPACE, api=api)
    await deployment.scale(0)
    await deployment.wait("condition=Available", timeout=20)
    if os.environ.get("PODS") == "yes":
        pod = await Pod.get("page", namespace=NAMESPACE, api=api)
        expect(await pod.ready(), "the pod is not ready")
        expect([line async for line in pod.logs()] == ["started"], "another log")
        run = await pod.exec(["echo", "hi"])
        expect(run.stdout == b"hi\n" and run.returncode == 0, f"ran {run}")
        async with pod.portforward(8080) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.0\r\n\r\n")
            page = await reader.read()
            writer.close()
            expect(page.endswith(b"page\n"), f"read {page!r}")
    await map_.delete()
    await map_.wait("delete", timeout=20)
    version = await api.version()
    expect(version["major"] == "1", f"version {version}")


def questions():
    check("kubernetes_asyncio: objects, watch and exec", asynchronous)
    check("kr8s: objects, labels, conditions, logs, exec and port-forward", kr8s_objects)


seen = {"created": 0, "updated": 0, "deleted": 0, "daemon": 0, "event": 0}


@kopf.on.create(GROUP, "v1", "songs")
def created(spec, patch, meta, body, **_):
    seen["created"] += 1
    kopf.info(body, reason="Sung", message="it was created")
    patch.status["length"] = len(spec.get("title", ""))
    child = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"lyrics-{meta['name']}"}}
    kopf.adopt(child)
    client.CoreV1Api().create_namespaced_config_map(NAMESPACE, child)
    return "sung"


@kopf.on.update(GROUP, "v1", "songs", field="spec.title")
def updated(old, new, **_):
    seen["updated"] += old != new


@kopf.on.delete(GROUP, "v1", "songs")
def deleted(**_):
    seen["deleted"] += 1


@kopf.daemon(GROUP, "v1", "songs", cancellation_timeout=1)
async def singing(stopped, **_):
    seen["daemon"] += 1
    await stopped.wait(60)


@kopf.on.event("configmaps", labels={"sung": "yes"})
def lyrics(**_):
    seen["event"] += 1


@kopf.on.startup()
def settings(settings, **_):
    settings.posting.enabled = True
    settings.peering.standalone = True


@kopf.on.login()
def login(**kwargs):
    return kopf.login_with_kubeconfig(**kwargs) or kopf.login_via_client(**kwargs)


def definition():
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}, "subresources": {"status": {}}}
    names = {"plural": "songs", "singular": "song", "kind": "Song"}
    spec = {"group": GROUP, "scope": "Namespaced", "names": names, "versions": [version]}
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": f"songs.{GROUP}"}, "spec": spec}


def operator():
    songs = client.CustomObjectsApi()
    where = (GROUP, "v1", NAMESPACE, "songs")

    def works():
        client.ApiextensionsV1Api().create_custom_resource_definition(definition())
        ready, stop = threading.Event(), threading.Event()
        run = lambda: asyncio.run(kopf.operator(ready_flag=ready, stop_flag=stop, namespaces=[NAMESPACE], standalone=True))
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        expect(ready.wait(30), "never ready")
        body = {"apiVersion": f"{GROUP}/v1", "kind": "Song", "metadata": {"name": "s"}, "spec": {"title": "ode"}}
        songs.create_namespaced_custom_object(*where, body)
        eventually("created", lambda: songs.get_namespaced_custom_object(*where, "s").get("status", {}).get("length") == 3)
        song = songs.get_namespaced_custom_object(*where, "s")
        expect(song["metadata"]["finalizers"] == ["kopf.zalando.org/KopfFinalizerMarker"], f"finalizers {song['metadata'].get('finalizers')}")
        owned = client.CoreV1Api().read_namespaced_config_map("lyrics-s", NAMESPACE)
        expect(owned.metadata.owner_references[0].uid == song["metadata"]["uid"], "another owner")
        client.CoreV1Api().patch_namespaced_config_map("lyrics-s", NAMESPACE, {"metadata": {"labels": {"sung": "yes"}}})
        songs.patch_namespaced_custom_object(*where, "s", {"spec": {"title": "hymn"}})
        eventually("updated", lambda: seen["updated"] == 1 and seen["daemon"] == 1 and seen["event"] > 0)
        songs.delete_namespaced_custom_object(*where, "s")
        eventually("deleted", lambda: seen["deleted"] == 1 and is_gone())
        eventually("its lyrics gone", lambda: lyrics_are_gone())
        events = client.CoreV1Api().list_namespaced_event(NAMESPACE, field_selector="involvedObject.kind=Song").items
        expect(any("created" in (event.message or "") for event in events), f"{len(events)} events")
        stop.set()
        thread.join(20)
        expect(not thread.is_alive(), "the operator never ended")

    def is_gone():
        try:
            songs.get_namespaced_custom_object(*where, "s")
            return False
        except ApiException as error:
            return error.status == 404

    def lyrics_are_gone():
        try:
            client.CoreV1Api().read_namespaced_config_map("lyrics-s", NAMESPACE)
            return False
        except ApiException as error:
            return error.status == 404

    check("kopf: an operator with handlers, a daemon, a finalizer, owned objects and events", works)
