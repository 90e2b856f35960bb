/** A difference that has a reason: the step, and why both are right. */
interface Known {
  readonly step: RegExp;
  readonly because: string;
}

const LATER = "docker 28 says it so; Debian's engine is version 20.10";
const RUNTIME = "the runtime is crun here and runc there, and docker 28 puts more words before its error";
const MESSAGE = "the error is the same in other words, with what to do";
const GRANT = "runc cannot grant what this machine lacks, and fails; here that is left out";

const KNOWN: readonly Known[] = [
  { step: /^docker run --rm (B nope|B \/etc\/passwd|--entrypoint nope)|\bbade\b|--cpu-shares 1 /, because: RUNTIME },
  { step: /--cap-add ALL|--privileged/, because: GRANT },
  { step: /cat .*\/etc\/hosts/, because: "docker 28 writes fe00:: and ff00::" },
  { step: /--dns-search/, because: "docker 28 writes the lines of resolv.conf in this order" },
  { step: /--network none B ip/, because: "the loopback has its IPv6 address where the kernel has IPv6" },
  {
    step: /-e HOME=|--env-file DIR\/env/,
    because: "the order of variables that are replaced is another; none is missing",
  },
  {
    step: /devices\.list/,
    because: "newer runtimes allow no tun device by default, and the kernel lists rules in the order they came in",
  },
  {
    step: /tty run --rm -t B ls|export web/,
    because: "crun makes /dev/core and does not make some empty mount points",
  },
  { step: /^tty /, because: "a terminal of this engine has its size from the start" },
  {
    step: /^docker exec (web nope|-w \/nosuch)/,
    because: "docker 28 ends with 127 where a program or folder is missing, and says so on stderr",
  },
  {
    step: /--kernel-memory|--annotation|--mac-address|volume prune|host --sysctl|--group-add tty|--cpus 100|cpuset|ipc bad/,
    because: LATER,
  },
  {
    step: /isolation bad|stop-signal NOSUCH|-s NOSUCH|runtime nosuch|log-driver nosuch|filter (bad|status=bad)|limit 101/,
    because: LATER,
  },
  {
    step: /pause web|kill nosuch|rm web$|--type image|before=nosuch|--driver nosuch|--subnet bad|--ip 172|ipdefault|network rm net2/,
    because: LATER,
  },
  {
    step: /bridge'? bridge|IPAM\.Driver.* bridge$/,
    because: "options of docker0 say how docker0 is made; ours is made otherwise",
  },
  { step: /--blkio-weight 5 /, because: "a weight that is none is refused also where the kernel has no weights" },
  { step: /--platform/, because: "this engine makes the image itself; the other looks for a registry of its name" },
  {
    step: /max-size=x|--device \/dev\/nosuch|--storage-opt|commit -c 'BAD|load -i|pull |push |login |import http|nosuchimage/,
    because: MESSAGE,
  },
  { step: /rshared/, because: "the other engine runs where mounts are private" },
  {
    step: /port web3|name=web3|port pub|web2 -p/,
    because: "published ports of networks without IPv6 have no IPv6 address here",
  },
  { step: /GraphDriver|\.Driver\}\}/, because: "the driver is overlayfs" },
  {
    step: /json \.HostConfig/,
    because: "docker 28 masks more paths and calls the default network bridge; the runtime is crun",
  },
  { step: /--size|docker top web/, because: "processes have their own numbers, and sizes are those on the disk" },
  { step: /--restart bad web|docker top web bad|MinAPIVersion/, because: LATER },
  { step: /docker diff web|network prune/, because: "the order is that of names, or of creation" },
  { step: /docker cp .* -$/, because: "the archive is pax, with times to the nanosecond" },
  {
    step: /rmi -f c1|rmi imp:1|rmi built|image prune|system df/,
    because: "an image has no intermediate ones, and one that a container uses stays until that goes",
  },
  { step: /save nosuch/, because: LATER },
  { step: /nslookup/, because: "answers of both families come in any order" },
  { step: /net4 B ping/, because: "an internal network of docker 28 has no route out" },
  { step: /net2 web$|network rm net2 net4/, because: "addresses are given in another order" },
  { step: /one ip -o/, because: "interfaces have no broadcast address, which nothing needs" },
  { step: /--link lnk/, because: "variables of links are not there; docker drops them with version 29" },
  { step: /-v aa:|volume ls/, because: "a creation that fails leaves no volume behind" },
  {
    step: /docker events/,
    because: "the other engine keeps 256 events, this one 1000; it tells volumes that exist as created",
  },
  { step: /swarm|service ls|node ls|secret ls/, because: "there is no swarm mode" },
  {
    step: /docker build --target|ctxfail|docker history/,
    because: "builds have BuildKit's form of history, and errors with file and line",
  },
  {
    step: /docker logs -n 1 lg/,
    because: "two lines of two streams come at the same time, and either may be the last",
  },
  { step: /docker ps -aq/, because: "a container that the other's build left" },
];

/** Why a step's outcomes may differ; undefined when nobody knows. */
export function reasonFor(step: string): string | undefined {
  return KNOWN.find((known) => known.step.test(step))?.because;
}
