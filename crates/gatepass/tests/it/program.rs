//! The real program in a process of its own.

use std::{
    path::Path,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex},
};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    sync::oneshot,
    task::JoinHandle,
};

/// A running `gatepass serve`. It is killed with the value.
pub(crate) struct Program {
    child: Child,
    log: Arc<Mutex<String>>,
    listening: JoinHandle<()>,
    /// Where people open it.
    pub(crate) url: String,
    /// Where it listens.
    pub(crate) address: String,
}

/// `gatepass serve` with its data in `data`, on a free port unless `arguments` say otherwise.
fn command(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatepass"));
    command.arg("serve").arg("--data-dir").arg(data);
    if !arguments.contains(&"--listen") {
        command.args(["--listen", "127.0.0.1:0"]);
    }
    command
        .args(arguments)
        .env_remove("OPENAI_API_KEY")
        .env_remove("OPENAI_BASE_URL")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

impl Program {
    /// Starts it and waits until it is ready.
    pub(crate) async fn start(data: &Path, arguments: &[&str]) -> Self {
        let mut child = command(data, arguments).spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let (tell, ready) = oneshot::channel();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let written = Arc::clone(&log);
        // The pipe is emptied all the time, or a talkative program would stand still.
        let listening = tokio::spawn(async move {
            let mut tell = Some(tell);
            while let Ok(Some(line)) = lines.next_line().await {
                if tell.is_some() {
                    let event: Value = serde_json::from_str(&line).unwrap_or_default();
                    if event["message"] == "ready"
                        && let Some(tell) = tell.take()
                    {
                        let _ = tell.send(event);
                    }
                }
                let mut log = written.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        let Ok(event) = ready.await else {
            panic!("it did not start: {}", log.lock().unwrap());
        };
        let text = |name: &str| event[name].as_str().unwrap().to_owned();
        Self {
            child,
            log,
            listening,
            url: text("url"),
            address: text("listen"),
        }
    }

    /// Runs it where it cannot start, and gives what it says.
    pub(crate) async fn refused(data: &Path, arguments: &[&str]) -> String {
        let output = command(data, arguments).output().await.unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// The most memory it has had so far, in MiB, as the system counts it.
    #[cfg(target_os = "linux")]
    pub(crate) fn peak_memory(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id().unwrap());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:"));
        let kib = line.unwrap().split_whitespace().nth(1).unwrap();
        kib.parse::<u64>().unwrap() / 1024
    }

    /// Ends it at once, and gives everything it has logged.
    pub(crate) async fn kill(mut self) -> String {
        self.child.kill().await.unwrap();
        self.listening.await.unwrap();
        std::mem::take(&mut self.log.lock().unwrap())
    }

    /// Tells it to end, as a service manager does.
    pub(crate) async fn terminate(&self) {
        let id = self.child.id().unwrap().to_string();
        let told = Command::new("kill").args(["-TERM", &id]).status();
        assert!(told.await.unwrap().success());
    }

    /// Waits until it has ended.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        self.child.wait().await.unwrap()
    }

    /// Tells it to end and waits until it has, which must go well.
    pub(crate) async fn stop(mut self) {
        self.terminate().await;
        let status = self.ended().await;
        assert!(status.success(), "{status}: {}", self.log());
    }
}
