/**
 * What both engines are asked, one after the other: lines of a shell. B is the image, DIR a folder with the files of `files.ts`, SIDE the
 * engine's name. "tty" runs docker in a terminal of 33 rows and 77 columns; "host" runs no docker, where the engine's ports are.
 */
export const STEPS: readonly string[] = String.raw`
docker run --rm B echo hi
docker run --rm B sh -c 'echo out; echo err >&2; exit 3'
docker run --rm B nope
docker run --rm B /etc/passwd
docker run --rm --workdir /etc/passwd B true
docker run --rm --user nosuch B true
docker run --rm --user 5:nosuch B true
docker run --rm --entrypoint nope B
docker run --rm --entrypoint echo B a b
docker run --rm --entrypoint "" B echo a
echo through | docker run --rm -i B tr a-z A-Z
tty run --rm -it B sh -c 'tty; stty size; echo $TERM'
tty run --rm -t B ls -1 /dev
docker run -t -i --rm B true </dev/null
docker run --rm B env
docker run --rm -e A=1 -e HOME=/x -e PATH B env
docker run --rm --env-file DIR/env B env
docker run --rm --env-file DIR/none B env
docker run --rm -e =x B true
docker run --rm -h host B hostname
docker run --rm --hostname other B hostname
docker run --rm -h host.example.com B cat /etc/hostname /etc/hosts
docker run --rm --domainname example.com -h host B hostname -f
docker run --rm --add-host a.b:1.2.3.4 --add-host c:host-gateway B cat /etc/hosts
docker run --rm --add-host bad B true
docker run --rm --dns 9.9.9.9 --dns-search x.y --dns-option ndots:3 B cat /etc/resolv.conf
docker run --rm --dns x B true
docker run --rm B cat /etc/resolv.conf
docker run --rm --network none B ip -o addr
docker run --rm --network none B cat /etc/resolv.conf /etc/hosts
docker run --rm --network host B cat /etc/hostname
docker run --rm --network nosuch B true
docker run --rm --network container:nosuch B true
docker run --rm --network host -p 80:80 B true
docker run --rm --user 5:6 --group-add 7 --group-add tty B id
docker run --rm --user nobody B id
docker run --rm --user 4294967296 B id
docker run --rm --user 1000 B sh -c 'id; touch /x; echo $HOME'
docker run --rm --read-only B touch /x
docker run --rm --read-only --tmpfs /t B sh -c 'touch /t/x && mount | grep " /t "'
docker run --rm --tmpfs /t:size=1m,mode=700,uid=5 B sh -c 'stat -c "%a %u" /t; df -k /t | tail -1'
docker run --rm --tmpfs t B true
docker run --rm --tmpfs /t:exec,size=1m B sh -c 'grep " /t " /proc/mounts | cut -d" " -f4 | tr , "\n" | grep exec'
docker run --rm --tmpfs /t:bad=1 B true
docker run --rm B grep Cap /proc/self/status
docker run --rm --cap-drop ALL B grep Cap /proc/self/status
docker run --rm --cap-drop ALL --cap-add CHOWN --cap-add net_bind_service B grep Cap /proc/self/status
docker run --rm --cap-add ALL --cap-drop SYS_ADMIN B grep CapBnd /proc/self/status
docker run --rm --cap-add NOSUCH B true
docker run --rm --user 5 --cap-add CHOWN B grep Cap /proc/self/status
docker run --rm --privileged B sh -c 'grep CapEff /proc/self/status; ls /dev | grep -c .; mount | grep -c " /sys .*rw"'
docker run --rm --security-opt no-new-privileges B grep NoNewPrivs /proc/self/status
docker run --rm --security-opt no-new-privileges=false B grep NoNewPrivs /proc/self/status
docker run --rm B grep -E "NoNewPrivs|Seccomp:" /proc/self/status
docker run --rm --security-opt seccomp=unconfined B grep Seccomp: /proc/self/status
docker run --rm --security-opt seccomp=DIR/seccomp.json B sh -c 'mkdir /x'
docker run --rm --security-opt seccomp=DIR/none B true
docker run --rm --security-opt bad=1 B true
docker run --rm --security-opt label=disable B true
docker run --rm --device /dev/null:/dev/xnull:r B sh -c 'ls -l /dev/xnull | cut -c1-10; echo x > /dev/xnull'
docker run --rm --device /dev/nosuch B true
docker run --rm --device /dev/null:/dev/x:q B true
docker run --rm --device-cgroup-rule 'c 1:* rwm' B cat /sys/fs/cgroup/devices/devices.list
docker run --rm B sort /sys/fs/cgroup/devices/devices.list
docker run --rm --ulimit nofile=100:200 --ulimit nproc=50 B sh -c 'ulimit -n; ulimit -Hn; ulimit -u'
docker run --rm --ulimit bad=1 B true
docker run --rm --ulimit core=-1 B sh -c 'ulimit -c'
docker run --rm --ulimit nofile=5:1 B true
docker run --rm --sysctl net.core.somaxconn=77 --sysctl kernel.shmmax=1000000 B cat /proc/sys/net/core/somaxconn /proc/sys/kernel/shmmax
docker run --rm --sysctl kernel.pid_max=1 B true
docker run --rm --network host --sysctl net.core.somaxconn=77 B true
docker run --rm -m 64m B cat /sys/fs/cgroup/memory/memory.limit_in_bytes
docker run --rm -m 1m B true
docker run --rm -m 64m --memory-swap 32m B true
docker run --rm -m 64m --memory-swap 128m B sh -c 'cat /sys/fs/cgroup/memory/memory.memsw.limit_in_bytes 2>/dev/null || echo none'
docker run --rm --memory-swap 128m B true
docker run --rm -m 64m --memory-reservation 32m --memory-swappiness 10 B cat /sys/fs/cgroup/memory/memory.soft_limit_in_bytes /sys/fs/cgroup/memory/memory.swappiness
docker run --rm -m 32m --memory-reservation 64m B true
docker run --rm -m 64m --oom-kill-disable B cat /sys/fs/cgroup/memory/memory.oom_control
docker run --rm --oom-score-adj 500 B cat /proc/self/oom_score_adj
docker run --rm --kernel-memory 50m B true
docker run --rm --cpus 0.5 B cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu/cpu.cfs_period_us
docker run --rm --cpus 100 B true
docker run --rm --cpus 0.5 --cpu-quota 1000 B true
docker run --rm --cpu-period 50000 --cpu-quota 25000 B cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu/cpu.cfs_period_us
docker run --rm --cpu-shares 200 B cat /sys/fs/cgroup/cpu/cpu.shares
docker run --rm --cpu-shares 1 B cat /sys/fs/cgroup/cpu/cpu.shares
docker run --rm --cpuset-cpus 0 --cpuset-mems 0 B cat /sys/fs/cgroup/cpuset/cpuset.cpus /sys/fs/cgroup/cpuset/cpuset.mems
docker run --rm --cpuset-cpus 99 B true
docker run --rm --cpuset-cpus x B true
docker run --rm --cpuset-mems 9 B true
docker run --rm --blkio-weight 5 B true
docker run --rm --blkio-weight 500 B true
docker run --rm --device-read-bps /dev/vda:1mb --device-write-bps /dev/vda:2mb B cat /sys/fs/cgroup/blkio/blkio.throttle.read_bps_device /sys/fs/cgroup/blkio/blkio.throttle.write_bps_device
docker run --rm --device-read-iops /dev/vda:100 --device-write-iops /dev/vda:200 B cat /sys/fs/cgroup/blkio/blkio.throttle.read_iops_device /sys/fs/cgroup/blkio/blkio.throttle.write_iops_device
docker run --rm --device-read-bps /dev/nosuch:1mb B true
docker run --rm --blkio-weight-device /dev/vda:200 B true
docker run --rm --pids-limit 50 B cat /sys/fs/cgroup/pids/pids.max
docker run --rm --pids-limit -1 B cat /sys/fs/cgroup/pids/pids.max
docker run --rm --init B sh -c 'cat /proc/1/cmdline | tr "\0" " "'
docker run --rm --pid host B sh -c 'test $$ -gt 100 && echo host'
docker run --rm --pid container:nosuch B true
docker run --rm --pid bad B true
docker run --rm --ipc host --uts host B sh -c 'echo ok'
docker run --rm --ipc none B sh -c 'df /dev/shm | tail -1 | tr -s " " | cut -d" " -f6'
docker run --rm --ipc bad B true
docker run --rm --uts host -h x B true
docker run --rm --shm-size 128m B sh -c 'df -k /dev/shm | tail -1 | tr -s " " | cut -d" " -f2'
docker run --rm B sh -c 'df -k /dev/shm | tail -1 | tr -s " " | cut -d" " -f2'
docker run --rm --platform linux/arm64 B true
docker run --rm --platform bad/x B true
docker run --rm --workdir /made/here B pwd
docker run --rm --workdir rel B pwd
docker run --rm --runtime nosuch B true
docker run --rm --isolation bad B true
docker run --rm --log-driver nosuch B true
docker run --rm --log-driver none B echo hi
docker run --rm --log-opt bad=1 B true
docker run --rm --log-driver json-file --log-opt max-size=x B true
docker run --rm --log-driver local --log-opt max-size=10k --log-opt max-file=2 B echo hi
docker run --rm --restart always B true
docker run -d --rm --restart bad B true
docker create --restart on-failure:x B
docker run --rm --stop-signal NOSUCH B true
docker run --rm --cgroupns private B sh -c 'cat /proc/self/cgroup | grep -c docker'
docker run --rm --cgroup-parent /tour B sh -c 'grep -c /tour /proc/self/cgroup >/dev/null && echo yes'
docker run --rm --storage-opt size=1g B true
docker run --rm --userns host B true
docker run --rm --userns bad B true
docker run --rm --annotation a=b B true
docker run --rm --gpus all B true
docker run --rm --mac-address 02:42:ac:11:00:77 B sh -c 'cat /sys/class/net/eth0/address'
docker run --rm -v kept:/data B sh -c 'echo 1 > /data/f; ls -l /data | tail -1 | cut -c1-10'
docker run --rm -v kept:/data:ro B sh -c 'cat /data/f; touch /data/g'
docker run --rm -v DIR/dir:/d B cat /d/f
docker run --rm -v DIR/dir:/d:ro,z B sh -c 'touch /d/g'
docker run --rm -v DIR/dir:/d:bad B true
docker run --rm -v rel/path:/d B true
docker run --rm -v kept:data B true
docker run --rm -v kept:/ B true
docker run --rm -v aa:/x -v bb:/x B true
docker run --rm -v /etc/hosts:/x/hosts B sh -c 'test -f /x/hosts && echo file'
docker run --rm --mount type=volume,src=kept,dst=/d,readonly B cat /d/f
docker run --rm --mount type=bind,src=DIR/dir,dst=/d B cat /d/f
docker run --rm --mount type=bind,src=DIR/none,dst=/d B true
docker run --rm --mount type=tmpfs,dst=/d,tmpfs-size=1048576,tmpfs-mode=0700 B sh -c 'stat -c %a /d; df -k /d | tail -1 | tr -s " " | cut -d" " -f2'
docker run --rm --mount type=volume,dst=/etc,volume-nocopy B sh -c 'ls /etc | wc -l'
docker run --rm --mount type=volume,dst=/etc B sh -c 'test -f /etc/passwd && echo copied'
docker run --rm --mount type=bad,dst=/d B true
docker run --rm --mount type=volume,src=kept B true
docker run --rm --mount type=bind,src=DIR/dir,dst=/d,bind-propagation=rshared B sh -c 'grep " /d " /proc/self/mountinfo | cut -d" " -f7 | cut -d: -f1'
docker run --rm --volumes-from nosuch B true
docker run -d --name web -p 127.0.0.1:18085:80 B sh -c 'mkdir /w; echo page > /w/index.html; exec httpd -f -p 80 -h /w'
host sleep 0.3; wget -qO- http://127.0.0.1:18085/
docker port web
docker port web 80
docker port web 80/udp
docker run -d --name web2 -p 127.0.0.1:18085:80 B sleep 100
docker ps -a --filter name=web2 --format '{{.Names}} {{.Status}} {{.Ports}}'
docker rm -f web2
docker run -d --name web3 -p 18086-18088:80 -p 18089:81/udp B sleep 100
docker port web3
docker ps --filter name=web3 --format '{{.Ports}}'
docker run --rm -p 80:80:80:80 B true
docker run --rm -p 99999:80 B true
docker run --rm -p 127.0.0.1:80 B true
docker run --rm -p 8000-8001:80-82 B true
docker rm -f web3
docker exec web id
docker exec -u nobody -w /tmp -e X=1 web sh -c 'id -un; pwd; echo $X'
docker exec web nope
docker exec web sh -c 'exit 7'
docker exec -w /nosuch web true
docker exec -w rel web pwd
docker exec -d web nope
docker run --rm --volumes-from web:bad B true
docker exec -u nosuch web true
docker exec nosuch true
docker exec --privileged web grep CapEff /proc/self/status
docker exec --env-file DIR/env web env
docker exec -d web touch /made
docker exec web ls /made
echo in | docker exec -i web cat
tty exec -it web sh -c 'tty; stty size'
docker top web
docker top web -o pid,comm
docker top web bad
docker stats --no-stream --format '{{.Name}} {{.PIDs}} {{.NetIO}}' web
docker stats --no-stream nosuch
docker inspect -f '{{.State.Status}} {{.State.Running}} {{.State.ExitCode}} {{.RestartCount}} {{.Driver}} {{.Platform}}' web
docker inspect -f '{{json .Config}}' web
docker inspect -f '{{json .HostConfig}}' web
docker inspect -f '{{json .NetworkSettings.Ports}}' web
docker inspect -f '{{.Path}} {{json .Args}} {{.MountLabel}} {{.ProcessLabel}} {{json .ExecIDs}} {{json .GraphDriver.Name}}' web
docker inspect -f '{{range $k, $v := .NetworkSettings.Networks}}{{$k}} {{json $v.Aliases}} {{json $v.Links}} {{$v.IPPrefixLen}}{{end}}' web
docker inspect nosuch
docker inspect --type image web
docker inspect --size -f '{{.SizeRw}}' web
docker container inspect nosuch
docker logs nosuch
docker attach nosuch
docker pause web
docker pause web
docker exec web true
docker ps --filter status=paused --format '{{.Names}} {{.Status}}'
docker kill -s HUP web
docker stop -t 1 web
docker unpause web
docker unpause web
docker start web
docker start web
docker restart -t 0 web
docker rename web web
docker rename web wëb
docker rename web other
docker rename nosuch x
docker ps -a --format '{{.Names}}'
docker rename other web
docker update --memory 64m --memory-swap 128m web
docker update --memory 1k web
docker update --cpus 0.5 --pids-limit 30 --restart always web
docker inspect -f '{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.PidsLimit}} {{.HostConfig.RestartPolicy.Name}}' web
docker exec web cat /sys/fs/cgroup/pids/pids.max
docker update --restart no web
docker update --restart bad web
docker update nosuch
docker wait nosuch
docker kill nosuch
docker kill -s NOSUCH web
docker rm web
docker rm nosuch
docker rm -f nosuch
docker stop nosuch
docker start nosuch
docker diff web
docker cp web:/w/index.html -
docker cp web:/nosuch -
docker cp web:/etc/hostname - | tar xO | grep -c .
docker cp DIR/dir web:/copied
docker cp DIR/dir/. web:/copied
docker cp DIR/dir/f web:/copied/renamed
docker cp DIR/dir/f web:/nosuch/renamed
docker cp DIR/dir web:/etc/passwd
docker cp DIR/nosuch web:/
docker cp web:/copied DIR/out-SIDE
docker cp web:/copied DIR/out-SIDE
docker cp web:/etc/passwd DIR/nosuch/x
docker cp web:/a web:/b
docker exec web find /copied
host ls -R DIR/out-SIDE
docker cp -L web:/etc/mtab -
docker diff nosuch
docker commit web c1
docker commit -c 'CMD ["sh","-c","cat /w/index.html"]' -c 'ENV A=b' -c 'EXPOSE 80' -c 'LABEL l=1' -c 'VOLUME /v' -m message -a me web c2:tag
docker commit -c 'BAD x' web c3
docker commit web Bad:Name
docker commit nosuch x
docker run --rm c2:tag
docker history --format '{{.CreatedBy}} {{.Comment}}' c2:tag
docker history nosuch
docker inspect -f '{{json .Config}} {{.Author}} {{.Comment}} {{.Architecture}} {{.Os}}' c2:tag
docker run -d --name pub -P c2:tag sleep 100
docker port pub | sed 's/:[0-9]*$/:PORT/'
docker inspect -f '{{range .Mounts}}{{.Type}} {{.Destination}} {{.Driver}} {{.Mode}} {{.RW}} {{.Propagation}}{{end}}' pub
docker rm -fv pub
docker export web | tar t | grep -c .
docker export nosuch
docker export web | docker import -c 'CMD cat /w/index.html' -m imported - imp:1
docker run --rm imp:1
docker import DIR/nosuch x
docker import http://127.0.0.1:1/x x
docker images --format '{{.Repository}}:{{.Tag}}' | sort
docker images --filter reference='c*' --format '{{.Repository}}:{{.Tag}}'
docker images --filter dangling=true -q
docker images --filter label=l=1 --format '{{.Repository}}'
docker images --filter before=c2:tag --format '{{.Repository}}'
docker images --filter bad=1
docker images -a nosuch
docker images --digests --format '{{.Digest}}' c1
docker tag c1 c1copy:x
docker tag nosuch x
docker tag c1 Bad
docker rmi c1copy:x
docker rmi nosuch
docker rmi -f nosuch
docker rmi B
docker run --name holder c1 true
docker rmi c1
docker rmi -f c1
docker rm holder
docker save nosuch
docker save c2:tag | tar t | grep -c manifest.json
docker save c2:tag | docker load
docker load -i DIR/dir/f
docker load -q -i DIR/none
docker rmi imp:1 c2:tag
docker pull 127.0.0.1:1/x
docker pull Bad/x
docker pull x:b@d
docker pull -a 127.0.0.1:1/x
docker push 127.0.0.1:1/x
docker push nosuch/x
docker login -u a -p b 127.0.0.1:1
docker logout 127.0.0.1:1
docker search --limit 101 x
docker network create shop
docker network create shop
docker network create --subnet 172.29.0.0/16 --gateway 172.29.0.1 --ip-range 172.29.5.0/24 --label a=b --opt com.docker.network.bridge.name=br-tour net2
docker network create --subnet 172.29.128.0/24 net3
docker network create --subnet bad net3
docker network create --gateway 1.2.3.4 net3
docker network create --driver nosuch net3
docker network create --internal net4
docker network create bridge
docker network create host
docker network create --attachable net5
docker network create -o com.docker.network.driver.mtu=1400 net6
docker run --rm --network net6 B cat /sys/class/net/eth0/mtu
docker create --name tmp --tmpfs /t -v named:/n B
docker inspect -f '{{range .Mounts}}{{.Type}} {{.Destination}} {{.Mode}}{{end}}' tmp
docker rm tmp
docker volume rm named
docker network ls --format '{{.Name}} {{.Driver}} {{.Scope}}'
docker network ls --filter driver=host --format '{{.Name}}'
docker network ls --filter label=a=b --format '{{.Name}}'
docker network ls --filter type=builtin --format '{{.Name}}'
docker network ls --filter bad=1
docker network inspect -f '{{.Name}} {{.Driver}} {{.Internal}} {{json .IPAM}} {{json .Options}} {{json .Labels}}' net2
docker network inspect -f '{{json .IPAM.Driver}} {{json .Options}}' bridge
docker network inspect -f '{{json .IPAM}} {{json .Options}} {{json .Containers}}' host
docker network inspect nosuch
docker run -d --name one --network net2 --ip 172.29.5.9 --network-alias eins B sleep 1000
docker run -d --name badip --network net2 --ip 172.30.5.9 B sleep 1000
docker rm -f badip
docker run -d --name takenip --network net2 --ip 172.29.5.9 B sleep 1000
docker rm -f takenip
docker run -d --name ipdefault --ip 172.17.0.9 B sleep 1000
docker rm -f ipdefault
docker run -d --name two --network net2 --link one:uno B sleep 1000
docker exec two ping -c1 -W1 one
docker exec two ping -c1 -W1 eins
docker exec two ping -c1 -W1 uno
docker exec two nslookup one 127.0.0.11
docker exec two cat /etc/resolv.conf
docker exec one cat /etc/hosts
docker run --rm --network net2 B ping -c1 -W1 nosuch
docker run --rm --network net4 B ping -c1 -W1 172.29.5.9
docker network connect shop one
docker network connect shop one
docker network connect --alias x --ip 172.29.5.10 net2 web
docker network connect nosuch one
docker network connect shop nosuch
docker network connect host one
docker network connect none one
docker inspect -f '{{range $k, $v := .NetworkSettings.Networks}}{{$k}} {{end}}' one
docker exec one ip -o -4 addr show
docker network inspect -f '{{range .Containers}}{{.Name}} {{end}}' shop
docker network disconnect shop one
docker network disconnect shop one
docker network disconnect nosuch one
docker network rm net2
docker network rm nosuch
docker network rm bridge
docker rm -f one two
docker network rm net2 net4
docker network prune -f
docker run --rm --link nosuch B true
docker run -d --name lnk B sleep 1000
docker run --rm --link lnk:l B sh -c 'grep -c l /etc/hosts; env | grep -c L_NAME'
docker run --rm --network container:lnk B sh -c 'test "$(hostname)" = "$(cat /etc/hostname)" && hostname -i'
docker run --rm --network container:lnk B sh -c 'grep -c "$(hostname)" /etc/hosts'
docker run --rm --network container:lnk -p 80:80 B true
docker run --rm --network container:lnk -h x B true
docker run --rm --pid container:lnk B ps -o comm
docker run --rm --ipc container:lnk B true
docker rm -f lnk
docker volume create vol
docker volume create vol
docker volume create --label a=b --opt type=tmpfs --opt device=tmpfs --opt o=size=1m vol2
docker volume create --driver nosuch vol3
docker volume create bad/name
docker volume create --opt bad=1 vol3
docker volume ls --format '{{.Name}} {{.Driver}} {{.Scope}}'
docker volume ls --filter label=a=b -q
docker volume ls --filter dangling=true -q
docker volume ls --filter bad=1
docker volume inspect -f '{{.Name}} {{.Driver}} {{json .Labels}} {{json .Options}} {{.Scope}}' vol2
docker volume inspect nosuch
docker run --rm -v vol2:/v B sh -c 'df -k /v | tail -1 | tr -s " " | cut -d" " -f2'
docker create --name user -v vol:/v B
docker volume rm vol
docker rm user
docker volume rm vol vol2 nosuch
docker volume rm -f nosuch
docker volume prune -f
docker volume prune -af
docker run -d --name hc --health-cmd 'test -e /ok' --health-interval 200ms --health-timeout 1s --health-retries 2 --health-start-period 0s B sh -c 'touch /ok; sleep 1000'
host sleep 1
docker inspect -f '{{.State.Health.Status}} {{.State.Health.FailingStreak}} {{(index .State.Health.Log 0).ExitCode}}' hc
docker ps --filter name=hc --format '{{.Status}}'
docker exec hc rm /ok
host sleep 1.5
docker inspect -f '{{.State.Health.Status}}' hc
docker ps --filter health=unhealthy --format '{{.Names}}'
docker rm -f hc
docker run --rm --no-healthcheck --health-cmd x B true
docker run -d --name nohc --no-healthcheck B sleep 100
docker inspect -f '{{.State.Health}}' nohc
docker rm -f nohc
docker run --rm --health-interval 1us --health-cmd x B true
docker run -d --name lg B sh -c 'for i in 1 2 3; do echo line $i; done; echo e >&2'
docker wait lg
docker logs lg
docker logs -n 1 lg
docker logs --tail bad lg
docker logs --tail 0 lg
docker logs -t lg
docker logs --since 2000-01-01 --until 2000-01-02 lg
docker logs --since bad lg
docker logs --details lg
docker logs -f lg
docker rm lg
docker run --name lgn --log-driver none B echo x
docker logs lgn
docker rm lgn
docker run --name lgl --log-driver local B echo local
docker logs lgl
docker inspect -f '{{json .HostConfig.LogConfig}} {{.LogPath}}' lgl
docker rm lgl
docker run --name lgo --log-opt max-size=1k --log-opt max-file=2 --log-opt labels=a --label a=b B sh -c 'for i in $(seq 100); do echo 0123456789012345678901234567890123456789; done'
docker logs lgo | tail -1
docker rm lgo
docker run -d --name rst --restart on-failure:2 B sh -c 'exit 4'
host sleep 3
docker inspect -f '{{.RestartCount}} {{.State.Status}} {{.State.ExitCode}}' rst
docker rm -f rst
docker run -d --name sig --stop-signal USR1 --stop-timeout 2 B sh -c 'trap "exit 9" USR1; while :; do sleep 0.1; done'
docker stop sig
docker wait sig
docker inspect -f '{{.Config.StopSignal}} {{.Config.StopTimeout}}' sig
docker rm sig
docker create --name cr --label a=b --label c B sleep 5
docker create --name cr B
docker ps -a --filter label=a=b --format '{{.Names}} {{.State}} {{.Status}} {{.Labels}} {{.Command}} {{.Image}} {{.Networks}} {{.Mounts}} {{.LocalVolumes}}'
docker ps -a --filter status=created --format '{{.Names}}'
docker ps -a --filter exited=0 --format '{{.Names}}'
docker ps -a --filter ancestor=B --format '{{.Names}}'
docker ps -a --filter status=bad
docker ps -a --filter bad=x
docker ps -a --filter volume=nosuch -q
docker ps -a --filter network=bridge --format '{{.Names}}'
docker ps -a --filter publish=80 --format '{{.Names}}'
docker ps -a --filter before=nosuch
docker ps -a --filter since=web --format '{{.Names}}'
docker ps -n 1 --format '{{.Names}}'
docker ps -l --format '{{.Names}}'
docker start -a cr </dev/null & sleep 0.5; docker kill cr; wait
docker attach cr
docker rm cr
docker create --name '-bad' B
docker create --name 'x y' B
docker create nosuchimage:x
docker create --label-file DIR/env --name lf B
docker inspect -f '{{json .Config.Labels}}' lf
docker rm lf
docker run --name cid --cidfile DIR/cid-SIDE B true
docker rm cid
docker run -d --name dies B false
docker wait dies
docker start -a dies
docker ps -a --filter name=dies --format '{{.Status}}'
docker inspect -f '{{.State.Error}}|{{.State.OOMKilled}}|{{.State.Dead}}' dies
docker rm dies
docker run --name bade B /nosuch
docker inspect -f '{{.State.Status}} {{.State.ExitCode}} {{.State.Error}}' bade
docker start bade
docker rm bade
docker run --name oom -m 16m B sh -c 'x=$(head -c 100m /dev/zero | tr "\0" a)'
docker inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}}' oom
docker rm oom
docker events --since 1h --until 0s --filter container=web --format '{{.Type}} {{.Action}}' | sort | uniq
docker events --since 1h --until 0s --filter type=network --filter event=create --format '{{.Type}} {{.Action}} {{.Actor.Attributes.name}} {{.Actor.Attributes.type}}'
docker events --since 1h --until 0s --filter type=volume --filter event=create --format '{{.Type}} {{.Action}} {{.Actor.ID}}' | grep vol
docker events --since 1h --until 0s --filter type=image --filter event=tag --format '{{.Type}} {{.Action}} {{.Actor.Attributes.name}}'
docker events --since 1h --until 0s --filter event=die --filter container=web --format '{{json .Actor.Attributes}}' | head -1
docker events --since bad
docker events --since 1h --until 0s --filter bad=1
docker system df --format '{{.Type}} {{.TotalCount}} {{.Active}}'
docker system df -v --format '{{json .}}' | head -c 30
docker container prune -f
docker image prune -f
docker image prune -af
docker builder prune -f
docker system prune -f
docker info -f '{{.OSType}} {{.Architecture}} {{.CgroupDriver}} {{.CgroupVersion}} {{.LoggingDriver}} {{.Swarm.LocalNodeState}} {{.NCPU}} {{.MemTotal}} {{.OomKillDisable}} {{.IPv4Forwarding}}'
docker swarm init
docker service ls
docker node ls
docker plugin ls
docker version --format '{{.Server.Os}} {{.Server.Arch}} {{.Server.MinAPIVersion}}'
docker checkpoint ls web
docker secret ls
docker buildx version
docker build -t built -q DIR/ctx
docker run --rm built
docker build DIR/none
docker build -f nosuch DIR/ctx
docker build -t bad:bad:bad DIR/ctx
docker build --target nosuch -q DIR/ctx
docker build -q DIR/ctxfail
docker inspect -f '{{json .Config}}' built
docker history --format '{{.CreatedBy}}' built
docker rm -f web
docker rmi built
docker volume ls -q
docker ps -aq
`
  .split("\n")
  .filter((line) => line !== "");
