/** How an image is made: a folder over a base. Keys of the records are places in the image. */
export interface Recipe {
  /** An image, or upstream's identifier of one that is made before. */
  readonly from: string;
  /** Debian packages, with all that they depend on. */
  readonly packages?: readonly string[];
  /** To Go packages. */
  readonly programs?: Readonly<Record<string, string>>;
  /** To programs that `npm run peers` builds. */
  readonly peers?: Readonly<Record<string, string>>;
  /** To files of Kubernetes' sources. */
  readonly files?: Readonly<Record<string, string>>;
  readonly texts?: Readonly<Record<string, string>>;
  readonly links?: Readonly<Record<string, string>>;
  /** The image that agnhost's registry serves, by upstream's identifier. */
  readonly serves?: string;
  /** Further lines of the Dockerfile. */
  readonly lines?: readonly string[];
}

const BUSYBOX = "tsukube.local/busybox";
const SOURCES = "test/images";
const PACKAGE = `k8s.io/kubernetes/${SOURCES}`;

const USERS = {
  "/etc/passwd": `root:x:0:0:root:/root:/bin/sh
user-defined-in-image:x:1000:1000::/home/user-defined-in-image:/bin/sh
nobody:x:65534:65534:nobody:/nonexistent:/bin/false
`,
  "/etc/group": `root:x:0:
user-defined-in-image:x:1000:
group-defined-in-image:x:50000:user-defined-in-image
nogroup:x:65534:
`,
};

const AGNHOST: Recipe = {
  from: "tools",
  programs: { "/agnhost": `${PACKAGE}/agnhost` },
  files: {
    "/localhost.crt": `${SOURCES}/agnhost/porter/localhost.crt`,
    "/localhost.key": `${SOURCES}/agnhost/porter/localhost.key`,
  },
  texts: { ...USERS, "/uploads/.keep": "" },
  links: { "/agnhost-2": "agnhost" },
  serves: "Pause",
  lines: ["EXPOSE 80 8080 8081 9376 5000", 'ENTRYPOINT ["/agnhost"]', 'CMD ["pause"]'],
};

const NGINX: Recipe = {
  from: "tools",
  texts: {
    "/etc/nginx/nginx.conf": "events {}\nhttp { server { listen 80; listen [::]:80; root /usr/share/nginx/html; } }\n",
    "/usr/share/nginx/html/index.html": "<html><body><h1>Welcome to nginx!</h1></body></html>\n",
  },
  links: { "/var/log/nginx/access.log": "/dev/stdout", "/var/log/nginx/error.log": "/dev/stderr" },
  lines: ["EXPOSE 80", "STOPSIGNAL SIGQUIT", 'CMD ["nginx", "-g", "daemon off;"]'],
};

/** A web server that shows a picture and what it is called. */
function animal(name: string): Recipe {
  const files = Object.fromEntries(
    [`${name}.jpg`, "data.json"].map((file) => [`/${file}`, `${SOURCES}/${name}/html/${file}`]),
  );
  return { from: "Agnhost", files, lines: ['CMD ["test-webserver"]'] };
}

/** By upstream's identifiers, in the order in which they are made. `tools` is ours: what tests run beside upstream's own programs. */
export const RECIPES: Readonly<Record<string, Recipe>> = {
  tools: {
    from: BUSYBOX,
    packages: [
      ...["bash", "coreutils", "dash", "libc-bin", "util-linux", "util-linux-extra", "nginx", "stress"],
      ...["bind9-dnsutils", "curl", "iperf", "iproute2", "netcat-openbsd", "socat", "wget"],
    ],
    // a test looks for the name of upstream's base
    texts: { "/usr/lib/os-release": 'NAME="Debian\'s programs in the place of Alpine Linux"\n' },
    // busybox's own shell, which the base has there, prefers its applets to programs of that name
    links: { "/usr/bin/sh": "../../bin/dash", "/usr/bin/nc": "../../bin/nc.openbsd" },
  },
  // Debian's busybox has a shell that drops names of the environment with dashes in them, which tests look for
  BusyBox: { from: BUSYBOX, packages: ["bash"], links: { "/usr/bin/sh": "../../bin/bash" } },
  Pause: {
    from: "scratch",
    programs: { "/pause": "./pause" },
    lines: ["USER 65535:65535", 'ENTRYPOINT ["/pause"]'],
  },
  Agnhost: AGNHOST,
  AgnhostPrev: AGNHOST,
  Kitten: animal("kitten"),
  Nautilus: animal("nautilus"),
  Nginx: NGINX,
  NginxNew: NGINX,
  GlibcDnsTesting: { from: "tools" },
  IpcUtils: { from: "tools" },
  NonRoot: { from: "tools", lines: ["USER 1234"] },
  Nonewprivs: {
    from: "tools",
    programs: { "/usr/local/bin/nnp": `${PACKAGE}/nonewprivs` },
    lines: ["RUN chmod +s /usr/local/bin/nnp", 'CMD ["nnp"]'],
  },
  RegressionIssue74839: {
    from: "tools",
    programs: { "/regression-issue-74839": `${PACKAGE}/regression-issue-74839` },
    lines: ['ENTRYPOINT ["/regression-issue-74839"]'],
  },
  ResourceConsumer: {
    from: "tools",
    programs: {
      "/consumer": `${PACKAGE}/resource-consumer`,
      "/consume-cpu/consume-cpu": `${PACKAGE}/resource-consumer/consume-cpu`,
    },
    lines: ["EXPOSE 8080", 'ENTRYPOINT ["/consumer"]'],
  },
  APIServer: {
    from: "tools",
    programs: { "/sample-apiserver": "k8s.io/sample-apiserver" },
    lines: ['ENTRYPOINT ["/sample-apiserver"]'],
  },
  Etcd: { from: "tools", peers: { "/usr/local/bin/etcd": "etcd" } },
};
