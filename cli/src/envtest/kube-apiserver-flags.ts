import type { AuthorizationMode } from "@tsukube/apiserver";

export const MODES = [
  "Node",
  "RBAC",
  "Webhook",
  "AlwaysAllow",
  "AlwaysDeny",
] as const satisfies readonly AuthorizationMode[];

export const FLAGS = {
  "admission-control-config-file": {
    takes: "FILE",
    help: "What admission plugins are told: an AdmissionConfiguration.",
  },
  "advertise-address": {
    takes: "IP",
    help: "The endpoint of the Service kubernetes; that of --bind-address by default.",
  },
  "allow-privileged": { help: "Pods may be privileged.", only: ["true"] },
  "anonymous-auth": { help: "Requests without credentials are system:anonymous's, where not everything is allowed." },
  "api-audiences": { takes: "AUDIENCES", help: "Of tokens that are for this server; the issuers by default." },
  "audit-log-format": { takes: "FORMAT", help: "Of lines of the log.", only: ["json"] },
  "audit-log-maxage": { takes: "DAYS", help: "How long logs set aside are kept; for ever by default." },
  "audit-log-maxbackup": { takes: "COUNT", help: "How many logs set aside are kept; all by default." },
  "audit-log-maxsize": { takes: "MEGABYTES", help: "When the log is set aside and another begun; 100 by default." },
  "audit-log-path": {
    takes: "FILE",
    help: "Where requests are written down, a line of JSON each; - for standard output.",
  },
  "audit-log-version": { takes: "VERSION", help: "Of events.", only: ["audit.k8s.io/v1"] },
  "audit-policy-file": { takes: "FILE", help: "Which requests are written down, and what of them; none without it." },
  "audit-webhook-config-file": { takes: "FILE", help: "A kubeconfig: the server to send them to." },
  "audit-webhook-mode": { takes: "MODE", help: "How they are sent.", only: ["batch"] },
  "audit-webhook-version": { takes: "VERSION", help: "Of events.", only: ["audit.k8s.io/v1"] },
  "authentication-config": {
    takes: "FILE",
    help: "Whose tokens are users, and who needs none: an AuthenticationConfiguration, read again when it changes.",
  },
  "authentication-token-webhook-cache-ttl": { takes: "TIME", help: "How long its answers are kept; 2m by default." },
  "authentication-token-webhook-config-file": {
    takes: "FILE",
    help: "A kubeconfig: who is asked whose a token is that nobody knows here.",
  },
  "authentication-token-webhook-version": {
    takes: "VERSION",
    help: "Of the TokenReview; v1beta1 by default.",
    only: ["v1", "v1beta1"],
  },
  "authorization-config": {
    takes: "FILE",
    help: "In place of the modes: an AuthorizationConfiguration, read again when it changes.",
  },
  "authorization-mode": {
    takes: "MODES",
    help: `Who is asked what users may do: ${MODES.join(", ")}; AlwaysAllow by default.`,
  },
  "authorization-webhook-cache-authorized-ttl": { takes: "TIME", help: "How long it is known; 5m by default." },
  "authorization-webhook-cache-unauthorized-ttl": { takes: "TIME", help: "What is refused: 30s by default." },
  "authorization-webhook-config-file": { takes: "FILE", help: "A kubeconfig: who is asked in the mode Webhook." },
  "authorization-webhook-version": {
    takes: "VERSION",
    help: "Of the SubjectAccessReview; v1beta1 by default.",
    only: ["v1", "v1beta1"],
  },
  "bind-address": { takes: "IP", help: "Where to listen; 0.0.0.0 by default." },
  "cert-dir": { takes: "DIR", help: "Where apiserver.crt and apiserver.key are, or are made." },
  "client-ca-file": { takes: "FILE", help: "The authorities of client certificates." },
  "contention-profiling": { help: "Is not offered.", only: ["false"] },
  "default-not-ready-toleration-seconds": {
    takes: "SECONDS",
    help: "Of pods on nodes that are not ready.",
    only: ["300"],
  },
  "default-unreachable-toleration-seconds": { takes: "SECONDS", help: "The same of unreachable ones.", only: ["300"] },
  "delete-collection-workers": {
    takes: "COUNT",
    help: "Collections are deleted one object after the other: taken, and without effect.",
  },
  "disable-admission-plugins": { takes: "NAMES", help: "Plugins that are off." },
  "enable-admission-plugins": { takes: "NAMES", help: "Plugins that are on besides." },
  "enable-aggregator-routing": {
    help: "Services of extension servers and webhooks are asked at their endpoints either way.",
  },
  "enable-bootstrap-token-auth": { help: "Bootstrap tokens are good: always so.", only: ["true"] },
  "enable-garbage-collector": { help: "What the controller manager has to be told, too.", only: ["true"] },
  "enable-priority-and-fairness": { help: "Requests are shared out by API Priority and Fairness.", only: ["true"] },
  "encryption-provider-config": { takes: "FILE", help: "How values are encrypted: an EncryptionConfiguration." },
  "encryption-provider-config-automatic-reload": { help: "The former is read again whenever it changes." },
  "endpoint-reconciler-type": {
    takes: "TYPE",
    help: "How the endpoint of the Service kubernetes is kept.",
    only: ["lease", "master-count"],
  },
  "etcd-cafile": { takes: "FILE", help: "The authority of etcd's certificates." },
  "etcd-certfile": { takes: "FILE", help: "The certificate to show to etcd." },
  "etcd-keyfile": { takes: "FILE", help: "Its key." },
  "etcd-prefix": { takes: "PREFIX", help: "Of keys in etcd.", only: ["/registry", "registry"] },
  "etcd-servers": { takes: "URLS", help: "An etcd, or what stands in for it." },
  "event-ttl": { takes: "TIME", help: "How long events are kept; an hour by default." },
  "feature-gates": { takes: "GATES", help: "Feature gates that are on or off." },
  "kubelet-certificate-authority": { takes: "FILE", help: "The authority of kubelets' certificates." },
  "kubelet-client-certificate": {
    takes: "FILE",
    help: "The certificate to show to kubelets, for logs, exec and the like.",
  },
  "kubelet-client-key": { takes: "FILE", help: "Its key." },
  "kubelet-preferred-address-types": {
    takes: "TYPES",
    help: "Kubelets are asked at their InternalIP, or else their Hostname, whatever this says.",
  },
  "log-flush-frequency": { takes: "TIME", help: "Logs are written at once: taken, and without effect." },
  "logging-format": { takes: "FORMAT", help: "Of what is logged; text by default.", only: ["text", "json"] },
  "max-mutating-requests-inflight": { takes: "COUNT", help: "Added to --max-requests-inflight; 200 by default." },
  "max-requests-inflight": { takes: "COUNT", help: "How many requests are served at a time; 400 by default." },
  "min-request-timeout": { takes: "SECONDS", help: "How long watches last at least.", only: ["1800"] },
  "oidc-ca-file": { takes: "FILE", help: "Who signed the certificate of an issuer of OpenID Connect." },
  "oidc-client-id": { takes: "NAME", help: "For whom its tokens must be." },
  "oidc-groups-claim": { takes: "CLAIM", help: "Which of its claims tells groups." },
  "oidc-groups-prefix": { takes: "TEXT", help: "Before their names." },
  "oidc-issuer-url": {
    takes: "URL",
    help: "An issuer whose tokens are users; several come by --authentication-config.",
  },
  "oidc-required-claim": { takes: "CLAIM=VALUE", help: "What its tokens must say; may be repeated." },
  "oidc-signing-algs": { takes: "ALGORITHMS", help: "By which they may be signed; RS256 by default." },
  "oidc-username-claim": { takes: "CLAIM", help: "Which of its claims is the user's name; sub by default." },
  "oidc-username-prefix": { takes: "TEXT", help: "Before it: the issuer's URL by default, and nothing with -." },
  profiling: { help: "/debug/pprof is not offered.", only: ["false"] },
  "proxy-client-cert-file": {
    takes: "FILE",
    help: "The certificate to show to extension servers, which tells them who asks.",
  },
  "proxy-client-key-file": { takes: "FILE", help: "Its key." },
  "request-timeout": { takes: "TIME", help: "How long other requests may last.", only: ["1m0s", "1m", "60s"] },
  "requestheader-allowed-names": {
    takes: "NAMES",
    help: "Of certificates of proxies that speak for users; any by default.",
  },
  "requestheader-client-ca-file": {
    takes: "FILE",
    help: "The authority of those certificates; there are no such proxies without it.",
  },
  "requestheader-extra-headers-prefix": { takes: "PREFIXES", help: "Of headers that tell more of the user." },
  "requestheader-group-headers": { takes: "HEADERS", help: "What tells the user's groups." },
  "requestheader-uid-headers": { takes: "HEADERS", help: "What tells the user's uid." },
  "requestheader-username-headers": { takes: "HEADERS", help: "What tells the user, the first that is there." },
  "runtime-config": { takes: "APIS", help: "Built-in APIs that are served or not." },
  "secure-port": { takes: "PORT", help: "Where to listen; 6443 by default." },
  "service-account-extend-token-expiration": { help: "Of pods' tokens.", only: ["true"] },
  "service-account-issuer": {
    takes: "URL",
    help: "Of ServiceAccount tokens; may be repeated: those of the further ones are good, too.",
  },
  "service-account-key-file": {
    takes: "FILE",
    help: "Keys or certificates that they are checked with; may be repeated.",
  },
  "service-account-lookup": { help: "A token is good as long as its ServiceAccount is there.", only: ["true"] },
  "service-account-signing-key-file": { takes: "FILE", help: "The key that signs them: RSA, P-256, P-384 or P-521." },
  "service-cluster-ip-range": { takes: "NETWORKS", help: "What Services get addresses of; 10.0.0.0/24 by default." },
  "service-node-port-range": { takes: "FIRST-LAST", help: "Their ports on nodes; 30000-32767 by default." },
  "storage-backend": { takes: "BACKEND", help: "What keeps objects.", only: ["etcd3"] },
  "storage-media-type": { takes: "TYPE", help: "Of objects in etcd.", only: ["application/vnd.kubernetes.protobuf"] },
  "tls-cert-file": { takes: "FILE", help: "The certificate to serve with, instead of that in --cert-dir." },
  "tls-cipher-suites": { takes: "SUITES", help: "What TLS 1.2 is spoken with." },
  "tls-min-version": { takes: "VERSION", help: "The oldest that is spoken.", only: ["VersionTLS12", "VersionTLS13"] },
  "tls-private-key-file": { takes: "FILE", help: "Its key." },
  "token-auth-file": { takes: "FILE", help: "Users and their tokens, in CSV." },
  v: { takes: "LEVEL", help: "What is logged: from 4 on everything." },
  vmodule: { takes: "LEVELS", help: "Levels are the same for all: taken, and without effect." },
  "watch-cache": { help: "Reads are answered from memory.", only: ["true"] },
  "watch-cache-sizes": { takes: "SIZES", help: "The cache holds what there is: taken, and without effect." },
} as const;

/** Upstream's others: what they are for is not there. */
export const ABSENT = `
admission-control aggregator-reject-forwarding-redirect allow-metric-labels allow-metric-labels-manifest
audit-log-batch-buffer-size audit-log-batch-max-size audit-log-batch-max-wait audit-log-batch-throttle-burst
audit-log-batch-throttle-enable audit-log-batch-throttle-qps audit-log-compress audit-log-mode
audit-log-truncate-enabled audit-log-truncate-max-batch-size audit-log-truncate-max-event-size
audit-webhook-batch-buffer-size audit-webhook-batch-max-size audit-webhook-batch-max-wait
audit-webhook-batch-throttle-burst audit-webhook-batch-throttle-enable audit-webhook-batch-throttle-qps
audit-webhook-initial-backoff audit-webhook-truncate-enabled audit-webhook-truncate-max-batch-size
audit-webhook-truncate-max-event-size
authorization-policy-file coordinated-leadership-lease-duration
coordinated-leadership-renew-deadline coordinated-leadership-retry-period cors-allowed-origins debug-socket-path
disable-http2-serving disabled-metrics egress-selector-config-file emulated-version emulation-forward-compatible
enable-logs-handler etcd-compaction-interval etcd-count-metric-poll-period etcd-db-metric-poll-interval
etcd-healthcheck-timeout etcd-readycheck-timeout etcd-servers-overrides external-hostname goaway-chance
http2-max-streams-per-connection kubelet-timeout kubernetes-service-node-port lease-reuse-duration-seconds
livez-grace-period log-json-info-buffer-size log-json-split-stream log-text-info-buffer-size log-text-split-stream
max-connection-bytes-per-sec min-compatibility-version peer-advertise-ip peer-advertise-port peer-ca-file permit-address-sharing permit-port-sharing
runtime-config-emulation-forward-compatible service-account-jwks-uri service-account-max-token-expiration
service-account-signing-endpoint show-hidden-metrics-for-version shutdown-delay-duration shutdown-send-retry-after
shutdown-watch-termination-grace-period storage-initialization-timeout strict-transport-security-directives
tls-curve-preferences tls-sni-cert-key tracing-config-file
`
  .trim()
  .split(/\s+/);
