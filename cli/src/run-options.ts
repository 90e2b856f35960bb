import type { Command } from "commander";
import { oneOf, several, wholeNumber } from "./option-values.ts";

/** Flags of `tsukube run` and `tsukube create`, named and meant as docker's. */
export function addRunOptions(command: Command): Command {
  return resources(isolation(network(container(command))));
}

function container(command: Command): Command {
  return command
    .option("-i, --interactive", "connect standard input")
    .option("-t, --tty", "with a terminal")
    .option("--name <name>", 'a name for the container; that of the engine stands before "run"')
    .option("-v, --volume <volume>", "mount a folder or a volume: ./data:/data; may be repeated", several, [])
    .option("--mount <mount>", "the same in words: type=bind,src=./data,dst=/data; may be repeated", several, [])
    .option("--volumes-from <container>", "mount what that one has; may be repeated", several, [])
    .option("--tmpfs <folder>", "in memory: /run:size=16m; may be repeated", several, [])
    .option("-e, --env <name=value>", "a variable; may be repeated", several, [])
    .option("--env-file <file>", "variables, one a line; may be repeated", several, [])
    .option("-l, --label <name=value>", "a label; may be repeated", several, [])
    .option("--label-file <file>", "labels, one a line; may be repeated", several, [])
    .option("--restart <policy>", "no, always, unless-stopped, on-failure[:times]")
    .option("--entrypoint <program>", "instead of the image's")
    .option("-w, --workdir <folder>", "where the command starts")
    .option("-u, --user <user>", "name or number, with :group")
    .option("--group-add <group>", "one more group of the user; may be repeated", several, [])
    .option("--init", "a first process that reaps others")
    .option("--stop-signal <signal>", "what asks it to end")
    .option("--stop-timeout <seconds>", "how long it has for that", wholeNumber)
    .option("--health-cmd <command>", "what tells by its exit code whether it is well")
    .option("--health-interval <time>", "how often: 30s")
    .option("--health-timeout <time>", "how long it may take")
    .option("--health-retries <times>", "how often it must fail", wholeNumber)
    .option("--health-start-period <time>", "at the start, when failures do not count")
    .option("--health-start-interval <time>", "how often in that time")
    .option("--no-healthcheck", "not the image's")
    .option("--log-driver <driver>", "json-file, local or none")
    .option("--log-opt <name=value>", "of the log: max-size=10m; may be repeated", several, [])
    .option("--platform <platform>", "of the image: linux/amd64");
}

function network(command: Command): Command {
  return command
    .option("-p, --publish <ports>", "lead a port of the host to it: 8080:80; may be repeated", several, [])
    .option("-P, --publish-all", "lead a free port of the host to each that the image exposes")
    .option("--expose <port>", "a port that it serves; may be repeated", several, [])
    .option("--network <network>", "bridge (the default), host, none, container:NAME, or one that was created")
    .option("--network-alias <name>", "one more name on the network; may be repeated", several, [])
    .option("--ip <address>", "its address on the network")
    .option("--ip6 <address>", "its IPv6 address there")
    .option("--dns <address>", "who answers names; may be repeated", several, [])
    .option("--dns-search <domain>", "what names are completed with; may be repeated", several, [])
    .option("--dns-option <option>", "of resolv.conf; may be repeated", several, [])
    .option("--add-host <name:address>", "a line of its hosts file; may be repeated", several, [])
    .option("-h, --hostname <name>", "its host name")
    .option("--domainname <name>", "the domain of that");
}

function isolation(command: Command): Command {
  return command
    .option("--read-only", "its file system cannot be written")
    .option("--privileged", "with everything that root may do")
    .option("--cap-add <capability>", "may be repeated", several, [])
    .option("--cap-drop <capability>", "may be repeated", several, [])
    .option("--security-opt <option>", "no-new-privileges, seccomp=FILE; may be repeated", several, [])
    .option("--device <device>", "of the host: /dev/fuse; may be repeated", several, [])
    .option("--device-cgroup-rule <rule>", "which devices it may use: c 1:3 rwm; may be repeated", several, [])
    .option("--sysctl <name=value>", "of its own namespaces; may be repeated", several, [])
    .option("--pid <namespace>", "host, or container:NAME")
    .option("--ipc <namespace>", "none, private, shareable, host, or container:NAME")
    .option("--uts <namespace>", "host")
    .option("--cgroupns <namespace>", "private or host", oneOf("private", "host"))
    .option("--cgroup-parent <group>", "below which its control group is made");
}

function resources(command: Command): Command {
  return command
    .option("-m, --memory <bytes>", "a limit: 512m")
    .option("--memory-swap <bytes>", "a limit of memory with swap; -1 for none")
    .option("--memory-reservation <bytes>", "what it keeps when memory is short")
    .option("--oom-score-adj <number>", "how soon it is killed when memory is short: -1000 to 1000", integer)
    .option("--cpus <number>", "a limit: 1.5")
    .option("--cpu-shares <weight>", "its part where processors are short; 1024 is usual", wholeNumber)
    .option("--cpu-period <us>", "of the limit by --cpu-quota", wholeNumber)
    .option("--cpu-quota <us>", "a limit, of each period", integer)
    .option("--cpuset-cpus <numbers>", "which processors: 0-1,3")
    .option("--cpuset-mems <numbers>", "which memory nodes")
    .option("--pids-limit <number>", "how many processes; -1 for no limit", integer)
    .option("--blkio-weight <weight>", "its part of the disk: 10 to 1000", wholeNumber)
    .option("--device-read-bps <device:bytes>", "a limit a second: /dev/sda:1mb; may be repeated", several, [])
    .option("--device-write-bps <device:bytes>", "may be repeated", several, [])
    .option("--device-read-iops <device:times>", "a limit a second: /dev/sda:1000; may be repeated", several, [])
    .option("--device-write-iops <device:times>", "may be repeated", several, [])
    .option("--shm-size <bytes>", "of /dev/shm: 64m")
    .option("--ulimit <name=soft:hard>", "nofile=1024:2048; may be repeated", several, []);
}

function integer(text: string): number {
  return text.startsWith("-") ? -wholeNumber(text.slice(1)) : wholeNumber(text);
}
