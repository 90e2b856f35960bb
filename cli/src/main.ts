import { KUBERNETES_VERSION } from "@tsukube/api/kubernetes-version";
import { messageOf } from "@tsukube/foundation";
import { Command } from "commander";
import type { ApiFlags } from "./commands/api-flags.ts";
import type { AuditFlags } from "./commands/audit-flags.ts";
import type { BuildOptions } from "./commands/build.ts";
import { type CommandContext, commandContext } from "./commands/context.ts";
import type { ControllersFlag } from "./commands/controllers-flag.ts";
import type { EngineOptions } from "./commands/engine.ts";
import type { EtcdFlags } from "./commands/etcd-flags.ts";
import type { HistoryFlags } from "./commands/history-flags.ts";
import type { NetworkFlags } from "./commands/network-flags.ts";
import type { BlameOptions, DiffOptions, GetOptions } from "./commands/past.ts";
import type { RegistryFlags } from "./commands/registry.ts";
import type { SeatFlags } from "./commands/seat-flags.ts";
import type { Shell } from "./completion.ts";
import { addContainerCommands } from "./container-commands.ts";
import { addEnvtestCommands } from "./envtest/commands.ts";
import { exitCodeOf } from "./exit-codes.ts";
import { isFull } from "./full-disk.ts";
import { addLoginCommands } from "./login-commands.ts";
import { duration, joined, oneOf, several, wholeNumber } from "./option-values.ts";

/** The `tsukube` command. Each subcommand loads its own code: `status` must not pay for `up`. */
function program(): Command {
  const root = new Command("tsukube")
    .description("A Kubernetes cluster in one command")
    .version(`0.1.0 (Kubernetes ${KUBERNETES_VERSION})`)
    .option("--name <name>", 'which cluster of this host; "default" by default')
    .option(
      "--docker-host <url>",
      "whose containers and images, instead of the cluster's: unix:///PATH or tcp://HOST:PORT; DOCKER_HOST by default",
    )
    .enablePositionalOptions()
    .showHelpAfterError('(run "tsukube --help" for what there is)');
  const context = (command: Command) =>
    commandContext(clusterName(command), root.opts<{ dockerHost?: string }>().dockerHost);
  const name = ["--name <name>", "which cluster of this host"] as const;

  root
    .command("up")
    .description("start the cluster, or find it running; with PATH, an application in it")
    .argument("[path]", "manifests to apply: a file or a folder")
    .option(...name)
    .option("--no-node", "the control plane alone, without containers and without root")
    .option("--etcd <url...>", "keep the objects in this etcd, instead of in a file")
    .option("--etcd-cafile <file>", "the CA that etcd's certificates come from")
    .option("--etcd-certfile <file>", "the certificate to show to etcd")
    .option("--etcd-keyfile <file>", "the key of that certificate")
    .option("--etcd-user <name>", "whom to log in to etcd as")
    .option("--etcd-password-file <file>", "that user's password")
    .option("--etcd-restored", "go on with what this etcd was put back to from a backup; once, afterwards")
    .option(
      "--history <time>",
      "how long to keep what objects were, such as 30m, 24h or 7d; an hour by default",
      duration,
    )
    .option("--history-size <megabytes>", "how much of it to keep at most; 256 by default", wholeNumber)
    .option("--encryption-provider-config <file>", "how values are encrypted: kube-apiserver's EncryptionConfiguration")
    .option(
      "--runtime-config <entries>",
      'which built-in APIs are served besides the usual ones, such as "api/beta=true,resource.k8s.io/v1alpha3=true"',
      joined,
    )
    .option(
      "--feature-gates <entries>",
      'which feature gates of upstream are on or off, such as "EvictionRequestAPI=true,AllBeta=true"',
      joined,
    )
    .option(
      "--disable-admission-plugins <names>",
      'which admission plugins of upstream are off, such as "PodSecurity,LimitRanger"',
      joined,
    )
    .option("--enable-admission-plugins <names>", "which are on; all that are here by default", joined)
    .option(
      "--admission-control-config-file <file>",
      "what admission plugins are told: kube-apiserver's AdmissionConfiguration",
    )
    .option(
      "--authentication-config <file>",
      "whose tokens are users, such as OpenID Connect's: kube-apiserver's AuthenticationConfiguration, read again when it changes",
    )
    .option(
      "--authentication-token-webhook-config-file <file>",
      "a kubeconfig: who is asked, by a TokenReview of v1, whose a token is that nobody knows here",
    )
    .option(
      "--authorization-config <file>",
      "who is asked what users may do, such as webhooks: kube-apiserver's AuthorizationConfiguration, read again when it changes",
    )
    .option("--event-ttl <time>", "how long events are kept, such as 30m or 24h; an hour by default", duration)
    .option(
      "--service-cidr <networks>",
      "what Services get addresses of: a network, or one of each IP family by comma, the primary one first",
    )
    .option(
      "--pod-cidr <networks>",
      "what pods get addresses of, when the cluster is made: a network, or one of each IP family by comma",
    )
    .option(
      "--snapshotter <kind>",
      "how containers get the files of their image, when the cluster is made: overlay, or copies; what the disk can carry by default",
      oneOf("overlay", "copies"),
    )
    .option(
      "--controllers <whose>",
      "others: leave the work to a kube-controller-manager and kube-scheduler of your own; own ends that",
      oneOf("own", "others"),
    )
    .option(
      "--max-requests-inflight <count>",
      "with the next, how many requests are served at a time, shared out by API Priority and Fairness; 400 by default",
      wholeNumber,
    )
    .option("--max-mutating-requests-inflight <count>", "added to the former; 200 by default", wholeNumber)
    .option("--audit-policy-file <file>", "write down requests, as this audit.k8s.io/v1 Policy says")
    .option("--audit-log-path <file>", "where to write them, a line of JSON each")
    .option(
      "--audit-log-maxsize <megabytes>",
      "when to set the log aside and begin another; 100 by default",
      wholeNumber,
    )
    .option("--audit-log-maxbackup <count>", "how many logs set aside to keep; all by default", wholeNumber)
    .option("--audit-log-maxage <days>", "how long to keep them; for ever by default", wholeNumber)
    .option("--audit-webhook-config-file <file>", "a kubeconfig: the server to send them to")
    .option("--timings", "print when each step was done", false)
    .option("--timeout <seconds>", "how long to wait for each step at most: 60, for an application 180", wholeNumber)
    .option("--foreground", "show the logs until Ctrl-C, and then stop the cluster", false)
    .action(
      async (
        path: string | undefined,
        {
          timeout,
          ...options
        }: { node: boolean; timings: boolean; foreground: boolean; timeout?: number } & EtcdFlags &
          AuditFlags &
          ApiFlags &
          ControllersFlag &
          NetworkFlags &
          SeatFlags &
          HistoryFlags & { encryptionProviderConfig?: string; snapshotter?: "overlay" | "copies" },
        command: Command,
      ) => {
        const { up } = await import("./commands/up.ts");
        await up(context(command), {
          ...options,
          ...(timeout !== undefined && { timeoutMs: timeout * 1000 }),
          ...(path !== undefined && { application: path }),
        });
      },
    );

  root
    .command("down")
    .description("stop the cluster; its data stay")
    .option(...name)
    .option("--purge", "remove its data too", false)
    .action(async ({ purge }: { purge: boolean }, command: Command) => {
      const { down } = await import("./commands/down.ts");
      await down(context(command), purge);
    });

  root
    .command("engine")
    .description("start the container engine without a cluster: Docker's API on a socket")
    .option(...name)
    .option("--docker-socket <path>", "where Docker's API is served; in the runtime directory by default")
    .option("--docker-host <url>", "serve it over TCP too, to who has a certificate: tcp://0.0.0.0:2376")
    .option("--tlscacert <file>", "whose certificates clients must have")
    .option("--tlscert <file>", "the server's certificate")
    .option("--tlskey <file>", "the key of that certificate")
    .option(
      "--snapshotter <kind>",
      "overlay, or copies where overlayfs cannot lie; as before, or what the disk can carry by default",
      oneOf("overlay", "copies"),
    )
    .option("--background", "under a supervisor, until down", false)
    .action(async (options: EngineOptions, command: Command) => {
      const { engine } = await import("./commands/engine.ts");
      await engine(context(command), options);
    });

  root
    .command("registry")
    .description("start a registry for images: what docker and tsukube push to and pull from")
    .option(...name)
    .requiredOption("--data <folder>", "where it keeps everything")
    .option("--listen <host:port>", "where it serves", "127.0.0.1:5000")
    .option("--background", "under a supervisor, until down", false)
    .option("--tls-cert <file>", "serve HTTPS, with this certificate")
    .option("--tls-key <file>", "the key of that certificate")
    .option("--htpasswd <file>", "let in these users only: lines as htpasswd -B writes them")
    .option("--token-realm <url>", "let in who has a token from there")
    .option("--token-service <name>", "whom such tokens are for")
    .option("--token-issuer <name>", "who issues them")
    .option("--token-key <file>", "the public key or certificate that they are signed with")
    .option("--proxy <url>", "be a cache of the registry there")
    .option("--proxy-user <name>", "whom to log in to it as")
    .option("--proxy-password-file <file>", "that user's password")
    .option("--keep <time>", "how long what nothing refers to stays, such as 90m; 24h by default", duration)
    .action(async (options: RegistryFlags, command: Command) => {
      const { registry } = await import("./commands/registry.ts");
      await registry(context(command), options);
    });

  root
    .command("status")
    .description("show whether the cluster runs, and what belongs to it")
    .option(...name)
    .option("-o, --output <format>", "text or json", oneOf("text", "json"), "text")
    .action(async ({ output }: { output: "text" | "json" }, command: Command) => {
      const { status } = await import("./commands/status.ts");
      if (!(await status(context(command), output))) process.exitCode = 1;
    });

  root
    .command("logs")
    .description("show the logs of the cluster's own processes, or of a container")
    .argument("[name]", "server, node, engine or registry, or a container; all processes by default")
    .option(...name)
    .option("-f, --follow", "go on as lines come", false)
    .option("-n, --lines <n>", "how many lines of each; 100 of processes, all of a container by default", wholeNumber)
    .action(
      async (wanted: string | undefined, { follow, lines }: { follow: boolean; lines?: number }, command: Command) => {
        if (wanted === undefined || ["server", "node", "engine", "registry"].includes(wanted)) {
          const { logs } = await import("./commands/logs.ts");
          return logs(context(command), wanted, follow, lines ?? 100);
        }
        const { containerLogs } = await import("./commands/containers.ts");
        return containerLogs(context(command), wanted, follow, lines);
      },
    );

  root
    .command("doctor")
    .description("look for what commonly goes wrong, and say what to do")
    .option(...name)
    .action(async (_options: object, command: Command) => {
      const { doctor } = await import("./commands/doctor.ts");
      if (!(await doctor(context(command)))) process.exitCode = 1;
    });

  root
    .command("completion")
    .description("print a script that completes commands and flags: source <(tsukube completion bash)")
    .argument("<shell>", "bash, zsh or fish", oneOf("bash", "zsh", "fish"))
    .action(async (shell: Shell) => {
      const { completionFor } = await import("./completion.ts");
      process.stdout.write(completionFor(root, shell));
    });

  addSnapshotCommands(
    root.command("snapshot").description("save the cluster's objects to a file, and bring them back"),
    context,
  );

  addPastCommands(root, context);

  root
    .command("encryption")
    .description("the keys that Secrets are encrypted with")
    .command("rotate")
    .description("encrypt everything with a new key; old ones stay to read what is older")
    .option(...name)
    .action(async (_options: object, command: Command) => {
      const { rotateEncryption } = await import("./commands/encryption.ts");
      await rotateEncryption(context(command));
    });

  root
    .command("build")
    .description("build an image from a Dockerfile, for this cluster")
    .argument(
      "<folder>",
      "the build context: a folder, a git repository as URL#REF:FOLDER, the URL of an archive, or - for an archive or a Dockerfile alone",
    )
    .option(...name)
    .option("-t, --tag <name>", "a name for the image; may be repeated", several, [])
    .option("-f, --file <path>", "the Dockerfile; - reads it from the standard input")
    .option(
      "--build-context <name=place>",
      "what --from and FROM may name, too: NAME=FOLDER, NAME=docker-image://IMAGE, NAME=oci-layout://FOLDER:TAG or NAME=a git repository",
      several,
      [],
    )
    .option("--build-arg <name=value>", "a value of an ARG; may be repeated", several, [])
    .option("--label <name=value>", "a label of the image; may be repeated", several, [])
    .option("--target <stage>", "the stage to build; the last by default")
    .option("--secret <secret>", "for RUN --mount=type=secret: id=NAME,src=FILE or id=NAME,env=VARIABLE", several, [])
    .option("--ssh <agent>", "for RUN --mount=type=ssh: default, or NAME=SOCKET of an ssh agent", several, [])
    .option("--no-cache", "run every step")
    .option(
      "--cache-from <place>",
      "look for results of steps in type=registry,ref=IMAGE or type=local,src=DIR",
      several,
      [],
    )
    .option(
      "--cache-to <place>",
      "write them to type=registry,ref=IMAGE or type=local,dest=DIR, with mode=max those of all steps, or type=inline",
      several,
      [],
    )
    .option("--pull", "look for newer base images", false)
    .option("--provenance", "say how the image was made, to registries that it is pushed to", false)
    .option("--sbom", "say which packages are in it, too", false)
    .option("--platform <platform>", "what the image is for, such as linux/amd64; this machine's by default")
    .option("--network <mode>", "of commands that do not say which: default, none or host")
    .option(
      "--allow <right>",
      "what RUN --security=insecure and RUN --network=host need: security.insecure, network.host; may be repeated",
      several,
      [],
    )
    .option("--add-host <name:address>", "a line of the hosts file of commands; may be repeated", several, [])
    .option("--ulimit <name=soft:hard>", "of commands: nofile=1024:2048; may be repeated", several, [])
    .option("--shm-size <bytes>", "of /dev/shm of commands: 64m")
    .option(
      "-o, --output <place>",
      "no image of the engine, but its files in a folder (DIR or type=local,dest=DIR) or an archive (type=tar), or an archive of the image (type=oci or docker), with dest=FILE; - for the standard output",
    )
    .option("--iidfile <file>", "write the image's id there")
    .option("--why", "print which steps ran and what had changed, and nothing else of the build", false)
    .option("-q, --quiet", "print only the image's id", false)
    .action(async (folder: string, options: BuildOptions, command: Command) => {
      const { build } = await import("./commands/build.ts");
      await build(context(command), folder, options);
    });

  root
    .command("images")
    .description("list the images of this cluster's node")
    .option(...name)
    .action(async (_options: object, command: Command) => {
      const { images } = await import("./commands/images.ts");
      await images(context(command));
    });

  addLoginCommands(root, context);

  addContainerCommands(root, context);

  addImageCommands(root.command("image").description("move images in and out of this cluster's node"), context);

  addEnvtestCommands(root.command("envtest").description("run suites of controller-runtime's envtest on Tsukube"));

  root
    .command("kubectl")
    .description("run kubectl against the cluster")
    .argument("[args...]")
    .passThroughOptions()
    .allowUnknownOption()
    .helpOption(false)
    .action(async (args: string[], _options: object, command: Command) => {
      const { kubectl } = await import("./commands/kubectl.ts");
      process.exitCode = await kubectl(context(command), args);
    });
  return root;
}

/** Given before or after the subcommand; what stands nearest to it counts. */
function clusterName(command: Command | null): string | undefined {
  if (command === null) return undefined;
  return (command.opts() as { name?: string }).name ?? clusterName(command.parent);
}

function addPastCommands(root: Command, context: (command: Command) => CommandContext): void {
  const name = ["--name <name>", "which cluster of this host"] as const;
  const moment = "a revision, a time (2026-01-31T12:00:00Z), how long ago (10m, 1h30m) or now";
  const commands = () => import("./commands/past.ts");
  root
    .command("get")
    .description("show objects as they were")
    .argument("<kind>", 'as with kubectl: "pods", "deploy", "widgets.example.com", "deployment/web"')
    .argument("[object]", "its name; all by default")
    .option(...name)
    .option("--at <moment>", `${moment}; now by default`)
    .option("-n, --namespace <namespace>", "where it is", "default")
    .option("-A, --all-namespaces", "those of all namespaces", false)
    .option(
      "-o, --output <format>",
      "yaml, json or name; manifest: YAML without what servers set, to apply again",
      oneOf("yaml", "json", "name", "manifest"),
      "yaml",
    )
    .option("--show-managed-fields", "also who manages which field", false)
    .action(async (kind: string, object: string | undefined, options: GetOptions, command: Command) =>
      (await commands()).getPast(context(command), [kind, object], options),
    );
  root
    .command("diff")
    .description("show what changed between two moments")
    .argument("[kind]", 'all by default; or "<kind>/<name>"')
    .argument("[object]", "its name; all by default")
    .option(...name)
    .requiredOption("--from <moment>", moment)
    .option("--to <moment>", "the same; now by default")
    .option("-n, --namespace <namespace>", "only objects of this namespace")
    .option("-o, --output <format>", "text or json", oneOf("text", "json"), "text")
    .action(async (kind: string | undefined, object: string | undefined, options: DiffOptions, command: Command) =>
      (await commands()).diffPast(context(command), [kind, object], options),
    );
  root
    .command("blame")
    .description("show who gave an object's fields their values, and when")
    .argument("<kind>", 'or "<kind>/<name>"')
    .argument("[object]", "its name")
    .argument("[field]", 'such as "spec.replicas" or "spec.template.spec.containers[web].image"; all by default')
    .option(...name)
    .option("-n, --namespace <namespace>", "where it is", "default")
    .option("-o, --output <format>", "text or json", oneOf("text", "json"), "text")
    .action(
      async (
        kind: string,
        object: string | undefined,
        field: string | undefined,
        options: BlameOptions,
        command: Command,
      ) => (await commands()).blamePast(context(command), [kind, object, field], options),
    );
}

function addSnapshotCommands(snapshot: Command, context: (command: Command) => CommandContext): void {
  const name = ["--name <name>", "which cluster of this host"] as const;
  const commands = () => import("./commands/snapshot.ts");
  snapshot
    .command("save")
    .description("save all objects at one revision, while the cluster runs or not")
    .argument("<file>")
    .option(...name)
    .action(async (file: string, _options: object, command: Command) =>
      (await commands()).saveSnapshot(context(command), file),
    );
  snapshot
    .command("restore")
    .description("replace all objects by those of a snapshot; the cluster must be stopped")
    .argument("<file>")
    .option(...name)
    .option("--etcd <url...>", "into this etcd, which is empty, in place of the one that kept the objects")
    .action(async (file: string, { etcd }: { etcd?: string[] }, command: Command) =>
      (await commands()).restoreSnapshot(context(command), file, etcd),
    );
  snapshot
    .command("salvage")
    .description("save what can still be read of a store that is damaged, or whose keys are lost, and name what cannot")
    .argument("<file>")
    .option(...name)
    .action(async (file: string, _options: object, command: Command) =>
      (await commands()).salvageSnapshot(context(command), file),
    );
  snapshot
    .command("status")
    .description("say what a snapshot holds, and whether it is whole")
    .argument("<file>")
    .option("-o, --output <format>", "text or json", oneOf("text", "json"), "text")
    .action(async (file: string, { output }: { output: "text" | "json" }, command: Command) =>
      (await commands()).snapshotStatus(context(command), file, output),
    );
}

function addImageCommands(image: Command, context: (command: Command) => CommandContext): void {
  const name = ["--name <name>", "which cluster of this host"] as const;
  const commands = () => import("./commands/images.ts");
  image
    .command("load")
    .description("load the images of a docker or OCI archive")
    .argument("[file]", "the archive; standard input by default")
    .option(...name)
    .action(async (file: string | undefined, _options: object, command: Command) =>
      (await commands()).loadImages(context(command), file),
    );
  image
    .command("save")
    .description("write images to an archive that docker, podman and tsukube load")
    .argument("<image...>")
    .option(...name)
    .option("-o, --output <file>", "the archive; standard output by default")
    .action(async (names: string[], { output }: { output?: string }, command: Command) =>
      (await commands()).saveImages(context(command), names, output),
    );
  image
    .command("pull")
    .description("fetch an image from a registry")
    .argument("<image>")
    .option(...name)
    .action(async (wanted: string, _options: object, command: Command) =>
      (await commands()).pullImage(context(command), wanted),
    );
  image
    .command("push")
    .description("send an image to a registry")
    .argument("<image>", "its name says which registry: localhost:5000/app:1")
    .option(...name)
    .action(async (wanted: string, _options: object, command: Command) =>
      (await commands()).pushImage(context(command), wanted),
    );
  image
    .command("tag")
    .description("give an image one more name")
    .argument("<image>")
    .argument("<name>")
    .option(...name)
    .action(async (wanted: string, other: string, _options: object, command: Command) =>
      (await commands()).tagImage(context(command), wanted, other),
    );
  image
    .command("why")
    .description("say who keeps an image, a layer or a blob on the disk")
    .argument("<digest>", "or at least six digits of it")
    .option(...name)
    .action(async (digest: string, _options: object, command: Command) =>
      (await commands()).whyKept(context(command), digest),
    );
  image
    .command("rm")
    .description("remove images, or one of their names")
    .argument("<image...>")
    .option(...name)
    .action(async (names: string[], _options: object, command: Command) =>
      (await commands()).removeImages(context(command), names),
    );
}

// who reads has seen enough: "tsukube blame … | head"
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit();
});

try {
  await program().parseAsync();
} catch (error) {
  const remedy = isFull(error) ? ", expected some space; free some (tsukube doctor looks at the cluster's disk)" : "";
  process.stderr.write(`tsukube: ${messageOf(error)}${remedy}\n`);
  process.exitCode = exitCodeOf(error);
}
