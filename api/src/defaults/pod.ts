import { type Defaulters, type Draft, isEmpty, nested, setAbsent } from "./defaulter.ts";

const CONTAINER = {
  values: { terminationMessagePath: "/dev/termination-log", terminationMessagePolicy: "File" },
  apply: (container: Draft) => setAbsent(container, { imagePullPolicy: pullPolicy(container["image"]) }),
};
const DEFAULT_MODE = { values: { defaultMode: 0o644 } };

/** Defaulting of pods and what stands within them, in pods and in templates. */
export const podDefaults: Defaulters = {
  "core/v1.Pod": { apply: defaultPod, of: "spec" },
  "core/v1.PodSpec": {
    values: {
      dnsPolicy: "ClusterFirst",
      restartPolicy: "Always",
      securityContext: {},
      terminationGracePeriodSeconds: 30,
      schedulerName: "default-scheduler",
    },
    apply: mirrorServiceAccount,
  },
  "core/v1.Container": CONTAINER,
  "core/v1.EphemeralContainer": CONTAINER,
  "core/v1.Volume": {
    apply: (volume) => {
      if (Object.keys(volume).every((key) => key === "name")) volume["emptyDir"] = {};
    },
  },
  "core/v1.ImageVolumeSource": {
    apply: (source) => setAbsent(source, { pullPolicy: pullPolicy(source["reference"]) }),
  },
  "core/v1.SecretVolumeSource": DEFAULT_MODE,
  "core/v1.ConfigMapVolumeSource": DEFAULT_MODE,
  "core/v1.DownwardAPIVolumeSource": DEFAULT_MODE,
  "core/v1.ProjectedVolumeSource": DEFAULT_MODE,
  "core/v1.ServiceAccountTokenProjection": { values: { expirationSeconds: 3600 } },
  "core/v1.HostPathVolumeSource": { values: { type: "" } },
  "core/v1.ObjectFieldSelector": { values: { apiVersion: "v1" } },
  "core/v1.Probe": { values: { timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 } },
  "core/v1.HTTPGetAction": { values: { path: "/", scheme: "HTTP" } },
};

/** Images tagged latest are always pulled; those with another tag or a digest, and what is no name of one, only when absent. */
function pullPolicy(image: unknown): string {
  const name = typeof image === "string" && !IDENTIFIER.test(image) ? IMAGE.exec(image)?.groups : undefined;
  const { digest, tag = digest === undefined ? "latest" : "" } = name ?? { tag: "" };
  return tag === "latest" ? "Always" : "IfNotPresent";
}

// The grammar of the distribution project's references.
const DOMAIN_PART = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?";
const DOMAIN = `(?:${DOMAIN_PART}(?:\\.${DOMAIN_PART})*|\\[[a-fA-F0-9:]+\\])(?::\\d+)?`;
const PATH_PART = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const DIGEST = "sha256:[a-f0-9]{64}|sha384:[a-f0-9]{96}|sha512:[a-f0-9]{128}";
const IMAGE = new RegExp(
  `^(?:${DOMAIN}/)?${PATH_PART}(?:/${PATH_PART})*(?::(?<tag>\\w[\\w.-]{0,127}))?(?:@(?<digest>${DIGEST}))?$`,
);
const IDENTIFIER = /^[a-f0-9]{64}$/;

/** serviceAccount is the old name of serviceAccountName; both are shown. */
function mirrorServiceAccount(spec: Draft): void {
  const name = spec["serviceAccountName"] || spec["serviceAccount"];
  if (name === undefined) return;
  spec["serviceAccountName"] = name;
  spec["serviceAccount"] = name;
}

function defaultPod(pod: Draft): void {
  const spec = nested(pod, "spec");
  setAbsent(spec, { enableServiceLinks: true });
  if (Number(spec["terminationGracePeriodSeconds"]) < 0) spec["terminationGracePeriodSeconds"] = 1; // not in templates
  for (const list of ["containers", "initContainers"]) {
    if (Array.isArray(spec[list])) spec[list] = mapped(spec[list], requestLimits);
  }
  if (spec["hostNetwork"] === true) {
    for (const list of ["containers", "initContainers"]) {
      if (Array.isArray(spec[list])) spec[list] = mapped(spec[list], publishPorts);
    }
  }
}

/** The list itself where nothing in it changes. */
function mapped(list: readonly Draft[], change: (item: Draft) => Draft): readonly Draft[] {
  const changed = list.map(change);
  return changed.every((item, index) => item === list[index]) ? list : changed;
}

/** A limit without a request sets the request. */
function requestLimits(container: Draft): Draft {
  const resources = container["resources"] as Draft | undefined;
  if (resources === undefined || isEmpty(resources["limits"])) return container;
  const given = resources["requests"];
  const isWhole = Object.keys(resources["limits"] as Draft).every((name) =>
    Object.hasOwn((given ?? {}) as Draft, name),
  );
  if (isWhole) return container;
  const requests = { ...(resources["limits"] as Draft), ...(resources["requests"] as Draft) };
  return { ...container, resources: { ...resources, requests } };
}

/** In the host's network a container port is a host port. */
function publishPorts(container: Draft): Draft {
  if (!Array.isArray(container["ports"])) return container;
  const ports = container["ports"].map((port: Draft) => ({
    ...port,
    hostPort: port["hostPort"] ?? port["containerPort"],
  }));
  return { ...container, ports };
}
