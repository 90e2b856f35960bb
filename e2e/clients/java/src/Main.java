import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.apiextensions.v1.CustomResourceDefinition;
import io.fabric8.kubernetes.api.model.apiextensions.v1.CustomResourceDefinitionBuilder;
import io.fabric8.kubernetes.api.model.apiextensions.v1.JSONSchemaPropsBuilder;
import io.fabric8.kubernetes.api.model.apps.DeploymentBuilder;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.LocalPortForward;
import io.fabric8.kubernetes.client.Watch;
import io.fabric8.kubernetes.client.Watcher;
import io.fabric8.kubernetes.client.WatcherException;
import io.fabric8.kubernetes.client.dsl.ExecWatch;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.fabric8.kubernetes.client.dsl.base.ResourceDefinitionContext;
import io.fabric8.kubernetes.client.extended.leaderelection.LeaderCallbacks;
import io.fabric8.kubernetes.client.extended.leaderelection.LeaderElectionConfigBuilder;
import io.fabric8.kubernetes.client.extended.leaderelection.resourcelock.LeaseLock;
import io.fabric8.kubernetes.client.informers.ResourceEventHandler;
import io.fabric8.kubernetes.client.informers.SharedIndexInformer;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;

/** Asks a cluster what programs on fabric8's client ask, and says what it answers differently than they expect. */
public class Main {
  private static final String NAMESPACE = "java";
  private static int failures = 0;

  private interface Question {
    void ask() throws Exception;
  }

  /** Asks one question. The verdict is a line that the command that started this program reads. */
  private static void check(String sentence, Question question) {
    try {
      question.ask();
      System.out.println("ok      " + sentence);
    } catch (Throwable error) {
      failures += 1;
      error.printStackTrace();
      System.out.println("failed  " + sentence + ": " + String.valueOf(error).replaceAll("\\s+", " "));
    }
  }

  private static void expect(boolean holds, Object found) {
    if (!holds) throw new IllegalStateException("found " + found);
  }

  private static void eventually(String what, BooleanSupplier holds) throws InterruptedException {
    for (int tries = 0; tries < 600; tries += 1) {
      if (holds.getAsBoolean()) return;
      Thread.sleep(50);
    }
    throw new IllegalStateException("never " + what);
  }

  private static int codeOf(Runnable action) {
    try {
      action.run();
      return 200;
    } catch (KubernetesClientException error) {
      return error.getCode();
    }
  }

  private static ConfigMap map(String name, String value) {
    return new ConfigMapBuilder().withNewMetadata().withName(name).withNamespace(NAMESPACE).endMetadata().addToData("k", value).build();
  }

  public static void main(String[] args) throws Exception {
    Config config = Config.fromKubeconfig(new File(System.getenv("KUBECONFIG")));
    try (KubernetesClient client = new KubernetesClientBuilder().withConfig(config).build()) {
      client.namespaces().resource(new NamespaceBuilder().withNewMetadata().withName(NAMESPACE).endMetadata().build()).create();
      check("fabric8: create, get, update, edit, list, delete, with codes", () -> objects(client));
      check("fabric8: patches in all forms, and server-side apply", () -> patches(client));
      check("fabric8: watch, and an informer that follows", () -> follow(client));
      check("fabric8: manifests are loaded, applied, waited for and deleted", () -> manifests(client));
      check("fabric8: a kind of its own, generic, with status and scale", () -> custom(client));
      check("fabric8: scale, rollout, events, groups, reviews", () -> more(client));
      check("fabric8: leader election", () -> elections(client));
      if ("yes".equals(System.getenv("PODS"))) {
        check("fabric8: a pod runs, and its log is followed", () -> runs(client));
        check("fabric8: exec with input, output and exit code", () -> exec(client));
        check("fabric8: files go up and come down", () -> copies(client));
        check("fabric8: port-forward", () -> forwards(client));
      } else {
        System.out.println("skipped exec, logs and port-forward: the cluster has no node");
      }
    }
    System.exit(failures > 0 ? 1 : 0);
  }

  private static void objects(KubernetesClient client) {
    var maps = client.configMaps().inNamespace(NAMESPACE);
    ConfigMap made = maps.resource(map("a", "1")).create();
    expect(codeOf(() -> maps.resource(map("a", "1")).create()) == 409, "made twice");
    ConfigMap changed = maps.resource(new ConfigMapBuilder(made).addToData("k", "2").build()).update();
    expect(codeOf(() -> maps.resource(new ConfigMapBuilder(made).addToData("k", "3").build()).lockResourceVersion(made.getMetadata().getResourceVersion()).update()) == 409, "replaced an old one");
    maps.withName("a").edit(found -> new ConfigMapBuilder(found).addToData("e", "1").build());
    expect("1".equals(maps.withName("a").get().getData().get("e")), maps.withName("a").get());
    expect(maps.withName("nowhere").get() == null, "what is not there");
    expect(changed.getMetadata().getUid().equals(maps.withName("a").get().getMetadata().getUid()), "another");
    expect(maps.withField("metadata.name", "a").list().getItems().size() == 1, "not one");
    expect(codeOf(() -> maps.resource(map("Not_A_Name", "")).create()) == 422, "a bad name");
    maps.withName("a").withTimeout(20, TimeUnit.SECONDS).delete();
    expect(maps.withName("a").get() == null, "deleted");
  }

  private static void patches(KubernetesClient client) {
    var maps = client.configMaps().inNamespace(NAMESPACE);
    maps.resource(map("patched", "1")).create();
    var patched = maps.withName("patched");
    patched.patch(PatchContext.of(PatchType.JSON_MERGE), "{\"data\":{\"m\":\"1\",\"k\":null}}");
    patched.patch(PatchContext.of(PatchType.STRATEGIC_MERGE), "{\"data\":{\"s\":\"1\"}}");
    patched.patch(PatchContext.of(PatchType.JSON), "[{\"op\":\"add\",\"path\":\"/data/j\",\"value\":\"1\"}]");
    expect(patched.get().getData().keySet().equals(java.util.Set.of("m", "s", "j")), patched.get().getData());
    maps.resource(map("applied", "1")).fieldManager("one").serverSideApply();
    expect(codeOf(() -> maps.resource(map("applied", "2")).fieldManager("two").serverSideApply()) == 409, "no conflict");
    maps.resource(map("applied", "2")).fieldManager("two").forceConflicts().serverSideApply();
    expect("2".equals(maps.withName("applied").get().getData().get("k")), maps.withName("applied").get());
  }

  private static void follow(KubernetesClient client) throws Exception {
    var maps = client.configMaps().inNamespace(NAMESPACE);
    var seen = new LinkedBlockingQueue<Watcher.Action>();
    try (Watch watch = maps.withName("watched").watch(new Watcher<ConfigMap>() {
      @Override public void eventReceived(Action action, ConfigMap object) { seen.add(action); }
      @Override public void onClose(WatcherException cause) {}
    })) {
      maps.resource(map("watched", "1")).create();
      maps.withName("watched").delete();
      expect(seen.poll(10, TimeUnit.SECONDS) == Watcher.Action.ADDED && seen.poll(10, TimeUnit.SECONDS) == Watcher.Action.DELETED, seen);
    }
    var changes = new AtomicInteger();
    try (SharedIndexInformer<ConfigMap> informer = maps.inform(new ResourceEventHandler<ConfigMap>() {
      @Override public void onAdd(ConfigMap object) { changes.incrementAndGet(); }
      @Override public void onUpdate(ConfigMap before, ConfigMap after) { changes.incrementAndGet(); }
      @Override public void onDelete(ConfigMap object, boolean unknown) { changes.incrementAndGet(); }
    }, 0)) {
      expect(informer.hasSynced() && informer.getStore().list().size() == maps.list().getItems().size(), informer.getStore().list().size());
      int before = changes.get();
      maps.resource(map("informed", "1")).create();
      eventually("informed", () -> informer.getStore().getByKey(NAMESPACE + "/informed") != null && changes.get() > before);
      maps.withName("informed").delete();
      eventually("forgotten", () -> informer.getStore().getByKey(NAMESPACE + "/informed") == null);
    }
  }

  private static final String MANIFESTS = """
      apiVersion: v1
      kind: ConfigMap
      metadata: {name: loaded}
      ---
      apiVersion: apps/v1
      kind: Deployment
      metadata: {name: loaded}
      spec:
        replicas: 0
        selector: {matchLabels: {app: l}}
        template:
          metadata: {labels: {app: l}}
          spec: {containers: [{name: main, image: example/l}]}
      """;

  private static void manifests(KubernetesClient client) {
    var list = client.load(new java.io.ByteArrayInputStream(MANIFESTS.getBytes(StandardCharsets.UTF_8))).inNamespace(NAMESPACE);
    expect(list.serverSideApply().size() == 2, "not two");
    client.apps().deployments().inNamespace(NAMESPACE).withName("loaded").waitUntilReady(20, TimeUnit.SECONDS);
    list.withTimeout(20, TimeUnit.SECONDS).delete();
    expect(client.configMaps().inNamespace(NAMESPACE).withName("loaded").get() == null, "deleted");
  }

  private static void custom(KubernetesClient client) throws Exception {
    var text = new JSONSchemaPropsBuilder().withType("object").withXKubernetesPreserveUnknownFields(true).build();
    CustomResourceDefinition definition = new CustomResourceDefinitionBuilder()
        .withNewMetadata().withName("beans.java.example.com").endMetadata()
        .withNewSpec().withGroup("java.example.com").withScope("Namespaced")
        .withNewNames().withPlural("beans").withSingular("bean").withKind("Bean").endNames()
        .addNewVersion().withName("v1").withServed(true).withStorage(true)
        .withNewSchema().withNewOpenAPIV3Schema().withType("object").withProperties(Map.of("spec", text, "status", text)).endOpenAPIV3Schema().endSchema()
        .withNewSubresources().withNewStatus().endStatus().withNewScale().withSpecReplicasPath(".spec.replicas").withStatusReplicasPath(".status.replicas").endScale().endSubresources()
        .endVersion().endSpec().build();
    var definitions = client.apiextensions().v1().customResourceDefinitions();
    definitions.resource(definition).create();
    definitions.withName("beans.java.example.com").waitUntilCondition(found -> found.getStatus() != null && found.getStatus().getConditions().stream().anyMatch(each -> each.getType().equals("Established") && each.getStatus().equals("True")), 20, TimeUnit.SECONDS);
    var beans = client.genericKubernetesResources(new ResourceDefinitionContext.Builder().withGroup("java.example.com").withVersion("v1").withKind("Bean").withPlural("beans").withNamespaced(true).build()).inNamespace(NAMESPACE);
    var bean = new GenericKubernetesResource();
    bean.setApiVersion("java.example.com/v1");
    bean.setKind("Bean");
    bean.setMetadata(new io.fabric8.kubernetes.api.model.ObjectMetaBuilder().withName("b").withNamespace(NAMESPACE).build());
    bean.setAdditionalProperty("spec", Map.of("replicas", 1));
    beans.resource(bean).create();
    beans.withName("b").editStatus(found -> { found.setAdditionalProperty("status", Map.of("replicas", 1)); return found; });
    expect(Integer.valueOf(1).equals(beans.withName("b").get().get("status", "replicas")), beans.withName("b").get());
    var scale = beans.withName("b").scale();
    scale.getSpec().setReplicas(2);
    expect(beans.withName("b").scale(scale).getSpec().getReplicas() == 2, scale);
    beans.withName("b").delete();
  }

  private static void more(KubernetesClient client) {
    var deployments = client.apps().deployments().inNamespace(NAMESPACE);
    deployments.resource(new DeploymentBuilder().withNewMetadata().withName("scaled").endMetadata()
        .withNewSpec().withReplicas(0).withNewSelector().addToMatchLabels("app", "s").endSelector()
        .withNewTemplate().withNewMetadata().addToLabels("app", "s").endMetadata()
        .withNewSpec().addNewContainer().withName("main").withImage("example/s").endContainer().endSpec().endTemplate().endSpec().build()).create();
    expect(deployments.withName("scaled").scale(0).getSpec().getReplicas() == 0, "not scaled");
    // its patches name the version that it read, and the controller tells a status meanwhile
    retrying(() -> deployments.withName("scaled").rolling().restart());
    retrying(() -> deployments.withName("scaled").rolling().updateImage("example/s:2"));
    expect("example/s:2".equals(deployments.withName("scaled").get().getSpec().getTemplate().getSpec().getContainers().get(0).getImage()), "another image");
    expect(client.getApiGroups().getGroups().size() > 15, client.getApiGroups().getGroups().size());
    expect(client.getApiResources("apps/v1").getResources().size() > 5, "few resources");
    expect("1".equals(client.getKubernetesVersion().getMajor()), client.getKubernetesVersion());
    client.v1().events().inAnyNamespace().list();
    client.rbac().clusterRoles().list();
    client.network().v1().ingresses().inAnyNamespace().list();
    client.flowControl().v1().flowSchema().list();
    client.discovery().v1().endpointSlices().inAnyNamespace().list();
  }

  private static void retrying(Runnable update) {
    for (int attempt = 0; ; attempt++) {
      try {
        update.run();
        return;
      } catch (KubernetesClientException conflict) {
        if (conflict.getCode() != 409 || attempt == 10) throw conflict;
      }
    }
  }

  private static void elections(KubernetesClient client) throws Exception {
    var led = new CompletableFuture<String>();
    var election = client.leaderElector().withConfig(new LeaderElectionConfigBuilder()
        .withName("java").withLeaseDuration(Duration.ofSeconds(3)).withRenewDeadline(Duration.ofSeconds(2)).withRetryPeriod(Duration.ofMillis(200))
        .withReleaseOnCancel(true)
        .withLock(new LeaseLock(NAMESPACE, "leader", "me"))
        .withLeaderCallbacks(new LeaderCallbacks(() -> {}, () -> {}, led::complete)).build()).build();
    var running = election.start();
    expect("me".equals(led.get(20, TimeUnit.SECONDS)), led);
    running.cancel(true);
  }

  private static final String SCRIPT = "mkdir /www; echo page > /www/index.html; httpd -p 8080 -h /www; echo started; sleep infinity";

  private static void runs(KubernetesClient client) throws Exception {
    var pods = client.pods().inNamespace(NAMESPACE);
    pods.resource(new PodBuilder().withNewMetadata().withName("page").endMetadata().withNewSpec().withTerminationGracePeriodSeconds(0L)
        .addNewContainer().withName("main").withImage("tsukube.local/busybox").withCommand("sh", "-c", SCRIPT).endContainer().endSpec().build()).create();
    pods.withName("page").waitUntilReady(30, TimeUnit.SECONDS);
    var output = new ByteArrayOutputStream();
    try (var log = pods.withName("page").watchLog(output)) {
      eventually("logged", () -> output.toString().equals("started\n"));
    }
    expect("started\n".equals(pods.withName("page").tailingLines(1).getLog()), "another log");
  }

  private static void exec(KubernetesClient client) throws Exception {
    var output = new ByteArrayOutputStream();
    var errors = new ByteArrayOutputStream();
    try (ExecWatch run = client.pods().inNamespace(NAMESPACE).withName("page").redirectingInput().writingOutput(output).writingError(errors).exec("sh", "-c", "read line; echo got $line; echo bad >&2; exit 4")) {
      run.getInput().write("hello\n".getBytes(StandardCharsets.UTF_8));
      run.getInput().flush();
      expect(run.exitCode().get(20, TimeUnit.SECONDS) == 4, run.exitCode());
    }
    expect(output.toString().equals("got hello\n") && errors.toString().equals("bad\n"), output + " " + errors);
  }

  private static void copies(KubernetesClient client) throws Exception {
    var file = Files.createTempFile("tour", ".txt");
    Files.writeString(file, "x".repeat(300_000));
    var pod = client.pods().inNamespace(NAMESPACE).withName("page");
    expect(pod.file("/tmp/up.txt").upload(file), "not uploaded");
    expect(pod.file("/tmp/up.txt").copy(file), "not copied");
    expect(Files.readString(file).equals("x".repeat(300_000)), Files.size(file));
    Files.delete(file);
  }

  private static void forwards(KubernetesClient client) throws Exception {
    try (LocalPortForward forward = client.pods().inNamespace(NAMESPACE).withName("page").portForward(8080)) {
      var request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + forward.getLocalPort() + "/")).build();
      for (int round = 0; round < 3; round += 1) {
        var answer = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
        expect(answer.body().equals("page\n"), answer.body());
      }
    }
  }
}
