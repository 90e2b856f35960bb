use anyhow::{Context, Result, ensure};
use futures::{AsyncBufReadExt, TryStreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client,
    api::{AttachParams, EvictParams, LogParams, Patch, PatchParams, PostParams, TerminalSize},
    runtime::wait::{await_condition, conditions},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{NAMESPACE, tour::soon};

const SCRIPT: &str = r#"mkdir /www; echo page > /www/index.html; httpd -p 8080 -h /www; echo started; while read x; do echo "got $x"; done; sleep infinity"#;

pub async fn exec(client: &Client) -> Result<()> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
    let pod: Pod = serde_json::from_value(serde_json::json!({
        "metadata": { "name": "page" },
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [{ "name": "main", "image": "tsukube.local/busybox", "command": ["sh", "-c", SCRIPT], "stdin": true }],
        },
    }))?;
    pods.create(&PostParams::default(), &pod).await?;
    soon("a pod that runs", await_condition(pods.clone(), "page", conditions::is_pod_running())).await??;
    let mut lines = pods.log_stream("page", &LogParams { follow: true, timestamps: true, ..Default::default() }).await?.lines();
    let first = soon("the log", lines.try_next()).await??.context("no log")?;
    ensure!(first.ends_with(" started"), "logged {first}");

    let mut process = pods.exec("page", ["sh", "-c", "cat; exit 3"], &AttachParams::default().stdin(true).stderr(false)).await?;
    let mut input = process.stdin().context("no input")?;
    let mut output = process.stdout().context("no output")?;
    let status = process.take_status().context("no status")?;
    // at the same time: kube-rs reads nothing more while nobody takes what it has read
    let writing = async {
        input.write_all(&vec![b'x'; 1 << 20]).await?;
        input.shutdown().await
    };
    let mut copy = Vec::new();
    soon("what comes back", futures::future::try_join(writing, output.read_to_end(&mut copy))).await??;
    let status = soon("the exit code", status).await?.context("never ended")?;
    ensure!(copy.len() == 1 << 20, "{} bytes came back", copy.len());
    let code = status.details.and_then(|details| details.causes).and_then(|causes| causes.first().and_then(|cause| cause.message.clone()));
    ensure!(code.as_deref() == Some("3"), "ended with {code:?}");
    soon("the end", process.join()).await??;

    let mut process = pods.exec("page", ["sh", "-c", "sleep 0.5; stty size"], &AttachParams::interactive_tty()).await?;
    let mut sizes = process.terminal_size().context("no sizes")?;
    futures::SinkExt::send(&mut sizes, TerminalSize { width: 91, height: 37 }).await?;
    let mut text = String::new();
    let mut output = process.stdout().context("no output")?;
    soon("the size", output.read_to_string(&mut text)).await??;
    ensure!(text.trim() == "37 91", "is {text:?}");
    Ok(())
}

pub async fn forward(client: &Client) -> Result<()> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
    let mut forwarder = pods.portforward("page", &[8080, 9]).await?;
    let mut stream = forwarder.take_stream(8080).context("no stream")?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await?;
    let mut text = String::new();
    soon("the page", stream.read_to_string(&mut text)).await??;
    ensure!(text.ends_with("page\n"), "read {text:?}");
    let refused = forwarder.take_error(9).context("no error stream")?;
    let mut nobody = forwarder.take_stream(9).context("no stream")?;
    nobody.write_all(b"x").await.ok();
    let message = soon("an error where nobody listens", refused).await?.unwrap_or_default();
    ensure!(message.to_lowercase().contains("refused"), "nobody listens: {message:?}");
    Ok(())
}

pub async fn attach(client: &Client) -> Result<()> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
    let mut attached = pods.attach("page", &AttachParams::default().stdin(true).container("main")).await?;
    attached.stdin().context("no input")?.write_all(b"hello\n").await?;
    let mut output = attached.stdout().context("no output")?;
    let mut buffer = [0; 64];
    let count = soon("an echo", output.read(&mut buffer)).await??;
    ensure!(&buffer[..count] == b"got hello\n", "heard {:?}", String::from_utf8_lossy(&buffer[..count]));
    attached.abort();
    let debugger = serde_json::json!({"spec": {"ephemeralContainers": [{"name": "debug", "image": "tsukube.local/busybox", "command": ["true"]}]}});
    pods.patch_ephemeral_containers("page", &PatchParams::default(), &Patch::Strategic(debugger)).await?;
    pods.evict("page", &EvictParams::default()).await?;
    Ok(())
}
