"""The official client: typed and dynamic, watches, patches, streams."""

import os
import tempfile

from kubernetes import client, config, dynamic, utils, watch
from kubernetes.client.rest import ApiException
from kubernetes.dynamic.exceptions import ConflictError, NotFoundError
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.leaderelection.resourcelock.leaselock import LeaseLock
from kubernetes.stream import portforward, stream

from main import NAMESPACE, check, eventually, expect

MANIFESTS = """
apiVersion: v1
kind: ConfigMap
metadata: {name: from-yaml}
data: {k: "1"}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: from-yaml}
spec:
  replicas: 0
  selector: {matchLabels: {app: y}}
  template:
    metadata: {labels: {app: y}}
    spec: {containers: [{name: main, image: example/y}]}
"""

DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "snakes.python.example.com"},
    "spec": {
        "group": "python.example.com",
        "scope": "Namespaced",
        "names": {"plural": "snakes", "singular": "snake", "kind": "Snake"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {"type": "object", "properties": {"length": {"type": "integer", "maximum": 10}}},
                            "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                        },
                    }
                },
            }
        ],
    },
}


def status_of(action):
    try:
        action()
    except ApiException as error:
        return error.status
    return 200


def config_map(name, **data):
    return client.V1ConfigMap(metadata=client.V1ObjectMeta(name=name), data=data)


def questions():
    config.load_kube_config(os.environ["KUBECONFIG"])
    core, apps = client.CoreV1Api(), client.AppsV1Api()
    core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=NAMESPACE)))

    def objects():
        made = core.create_namespaced_config_map(NAMESPACE, config_map("a", k="1"))
        expect(made.metadata.creation_timestamp.tzinfo is not None, "a time without a zone")
        expect(status_of(lambda: core.create_namespaced_config_map(NAMESPACE, config_map("a"))) == 409, "made twice")
        made.data["k"] = "2"
        changed = core.replace_namespaced_config_map("a", NAMESPACE, made)
        expect(status_of(lambda: core.replace_namespaced_config_map("a", NAMESPACE, made)) == 409, "replaced an old one")
        expect(core.read_namespaced_config_map("a", NAMESPACE).metadata.resource_version == changed.metadata.resource_version, "another version")
        expect(status_of(lambda: core.read_namespaced_config_map("nowhere", NAMESPACE)) == 404, "found what is not there")
        listed = core.list_namespaced_config_map(NAMESPACE, limit=1)
        expect(len(listed.items) == 1 and listed.metadata._continue, "not a page")
        rest = core.list_namespaced_config_map(NAMESPACE, limit=100, _continue=listed.metadata._continue)
        expect(len(rest.items) >= 1, "no second page")
        core.delete_namespaced_config_map("a", NAMESPACE, propagation_policy="Background")
        core.delete_collection_namespaced_config_map(NAMESPACE, label_selector="none=such")

    def patches():
        core.create_namespaced_config_map(NAMESPACE, config_map("patched", k="1"))
        strategic = core.patch_namespaced_config_map("patched", NAMESPACE, {"data": {"s": "1"}})
        expect(strategic.data == {"k": "1", "s": "1"}, f"strategic {strategic.data}")
        json = core.patch_namespaced_config_map("patched", NAMESPACE, [{"op": "remove", "path": "/data/k"}])
        expect(json.data == {"s": "1"}, f"json {json.data}")
        merged = core.patch_namespaced_config_map("patched", NAMESPACE, {"data": {"s": None, "m": "1"}}, _content_type="application/merge-patch+json")
        expect(merged.data == {"m": "1"}, f"merge {merged.data}")
        wanted = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "patched"}, "data": {"a": "1"}}
        applied = core.patch_namespaced_config_map("patched", NAMESPACE, wanted, field_manager="tour", force=True, _content_type="application/apply-patch+yaml")
        expect(applied.data == {"m": "1", "a": "1"}, f"apply {applied.data}")

    def watches():
        since = core.list_namespaced_config_map(NAMESPACE).metadata.resource_version
        core.create_namespaced_config_map(NAMESPACE, config_map("watched"))
        core.delete_namespaced_config_map("watched", NAMESPACE)
        seen = []
        watcher = watch.Watch()
        for event in watcher.stream(core.list_namespaced_config_map, NAMESPACE, resource_version=since, field_selector="metadata.name=watched", timeout_seconds=10):
            seen.append((event["type"], type(event["object"]).__name__))
            if event["type"] == "DELETED":
                watcher.stop()
        expect(seen == [("ADDED", "V1ConfigMap"), ("DELETED", "V1ConfigMap")], f"watched {seen}")

    def from_yaml():
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(MANIFESTS)
            file.flush()
            utils.create_from_yaml(client.ApiClient(), file.name, namespace=NAMESPACE)
            try:
                utils.create_from_yaml(client.ApiClient(), file.name, namespace=NAMESPACE)
            except utils.FailToCreateError as error:
                expect(len(error.api_exceptions) == 2, f"{len(error.api_exceptions)} failures")
        apps.read_namespaced_deployment("from-yaml", NAMESPACE)

    def dynamics():
        dyn = dynamic.DynamicClient(client.ApiClient())
        definitions = dyn.resources.get(api_version="apiextensions.k8s.io/v1", kind="CustomResourceDefinition")
        definitions.create(body=DEFINITION)

        def is_served():
            dyn.resources.invalidate_cache()
            try:
                dyn.resources.get(api_version="python.example.com/v1", kind="Snake").get(namespace=NAMESPACE)
                return True
            except (NotFoundError, dynamic.exceptions.ResourceNotFoundError):
                return False

        eventually("served", is_served)
        snakes = dyn.resources.get(api_version="python.example.com/v1", kind="Snake")
        body = {"apiVersion": "python.example.com/v1", "kind": "Snake", "metadata": {"name": "s"}, "spec": {"length": 3}}
        made = snakes.create(body=body, namespace=NAMESPACE)
        try:
            snakes.create(body=body, namespace=NAMESPACE)
            raise AssertionError("made twice")
        except ConflictError:
            pass
        snakes.server_side_apply(body={**body, "spec": {"length": 4}}, namespace=NAMESPACE, field_manager="tour", force_conflicts=True)
        snakes.status.patch(body={"status": {"seen": True}}, name="s", namespace=NAMESPACE, content_type="application/merge-patch+json")
        found = snakes.get(name="s", namespace=NAMESPACE)
        expect(found.spec.length == 4 and found.status.seen is True and found.metadata.uid == made.metadata.uid, f"found {found}")
        for event in snakes.watch(namespace=NAMESPACE, timeout=5):
            expect(event["type"] == "ADDED" and event["object"].metadata.name == "s", f"watched {event['type']}")
            break
        maps = dyn.resources.get(api_version="v1", kind="ConfigMap")
        expect(len(maps.get(namespace=NAMESPACE, label_selector="a!=b").items) > 0, "no ConfigMaps")
        snakes.delete(name="s", namespace=NAMESPACE)

    def elects():
        import threading

        done = threading.Event()
        lock = LeaseLock("leader", NAMESPACE, "python")
        chosen = electionconfig.Config(lock, lease_duration=3, renew_deadline=2, retry_period=1, onstarted_leading=done.set, onstopped_leading=None)
        threading.Thread(target=leaderelection.LeaderElection(chosen).run, daemon=True).start()
        expect(done.wait(20), "never led")

    def subresources():
        scale = apps.patch_namespaced_deployment_scale("from-yaml", NAMESPACE, {"spec": {"replicas": 0}})
        expect(not scale.spec.replicas, f"scale {scale}")  # none is left out
        token = core.create_namespaced_service_account_token("default", NAMESPACE, client.AuthenticationV1TokenRequest(spec=client.V1TokenRequestSpec(audiences=[], expiration_seconds=600)))
        expect(token.status.token.count(".") == 2, "no token")
        review = client.AuthorizationV1Api().create_self_subject_access_review(client.V1SelfSubjectAccessReview(spec=client.V1SelfSubjectAccessReviewSpec(resource_attributes=client.V1ResourceAttributes(verb="*", resource="*", group="*"))))
        expect(review.status.allowed, "may not do everything")
        versions = client.ApisApi().get_api_versions()
        expect(len(versions.groups) > 15, f"{len(versions.groups)} groups")
        expect(client.VersionApi().get_code().major == "1", "no version")

    def every_list():
        """Models are checked by the client: what it does not take for an object of the kind is an error."""
        for api, lists in [
            (core, ["list_node", "list_namespace", "list_service_for_all_namespaces", "list_endpoints_for_all_namespaces", "list_event_for_all_namespaces", "list_component_status", "list_service_account_for_all_namespaces", "list_secret_for_all_namespaces"]),
            (client.RbacAuthorizationV1Api(), ["list_cluster_role", "list_cluster_role_binding", "list_role_for_all_namespaces"]),
            (client.FlowcontrolApiserverV1Api(), ["list_flow_schema", "list_priority_level_configuration"]),
            (client.ApiregistrationV1Api(), ["list_api_service"]),
            (client.ApiextensionsV1Api(), ["list_custom_resource_definition"]),
            (client.DiscoveryV1Api(), ["list_endpoint_slice_for_all_namespaces"]),
            (client.NetworkingV1Api(), ["list_service_cidr", "list_ip_address"]),
            (client.CoordinationV1Api(), ["list_lease_for_all_namespaces"]),
            (client.SchedulingV1Api(), ["list_priority_class"]),
        ]:
            for name in lists:
                getattr(api, name)()

    check("kubernetes: create, read, replace, list in pages, delete, with status codes", objects)
    check("kubernetes: patches in all four forms", patches)
    check("kubernetes: a watch follows from a version", watches)
    check("kubernetes: create_from_yaml, and what it says the second time", from_yaml)
    check("kubernetes: the dynamic client with a kind of its own", dynamics)
    check("kubernetes: leader election", elects)
    check("kubernetes: scale, tokens, reviews, groups and version", subresources)
    check("kubernetes: lists of kinds that a cluster has from the start fit the client's models", every_list)


def pods():
    core = client.CoreV1Api()

    def runs():
        script = 'mkdir /www; echo page > /www/index.html; httpd -p 8080 -h /www; echo started; sleep infinity'
        container = client.V1Container(name="main", image="tsukube.local/busybox", command=["sh", "-c", script])
        spec = client.V1PodSpec(containers=[container], termination_grace_period_seconds=0)
        core.create_namespaced_pod(NAMESPACE, client.V1Pod(metadata=client.V1ObjectMeta(name="page"), spec=spec))
        eventually("running", lambda: core.read_namespaced_pod("page", NAMESPACE).status.phase == "Running")
        eventually("logged", lambda: core.read_namespaced_pod_log("page", NAMESPACE) == "started\n")
        seen = []
        watcher = watch.Watch()
        for line in watcher.stream(core.read_namespaced_pod_log, "page", NAMESPACE, follow=True):
            seen.append(line)
            watcher.stop()
        expect(seen == ["started"], f"log {seen}")

    def execs():
        connect = core.connect_get_namespaced_pod_exec
        out = stream(connect, "page", NAMESPACE, command=["sh", "-c", "echo out; echo err >&2"], stderr=True, stdin=False, stdout=True, tty=False)
        expect(sorted(out.split()) == ["err", "out"], f"said {out!r}")
        shell = stream(connect, "page", NAMESPACE, command=["sh"], stderr=True, stdin=True, stdout=True, tty=False, _preload_content=False)
        shell.write_stdin("echo hello; exit 3\n")
        shell.run_forever(timeout=10)
        expect(shell.read_stdout() == "hello\n" and shell.returncode == 3, f"ended with {shell.returncode}")

    def forwards():
        forward = portforward(core.connect_get_namespaced_pod_portforward, "page", NAMESPACE, ports="8080")
        connection = forward.socket(8080)
        connection.setblocking(True)
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        body = b""
        while piece := connection.recv(4096):
            body += piece
        expect(body.endswith(b"page\n"), f"read {body!r}")
        expect(forward.error(8080) is None, f"error {forward.error(8080)}")

    check("kubernetes: a pod runs, and its log is read and followed", runs)
    check("kubernetes: exec, with and without input", execs)
    check("kubernetes: port-forward", forwards)
