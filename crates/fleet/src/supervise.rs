//! Commands that end with their caller, on this machine, over SSH and in containers alike.
//!
//! sshd and Docker leave a command running when whoever asked for it is gone. So each command runs under a small
//! shell script which reads the command's input (its length is told beforehand) and then waits on the same stream:
//! when that ends, because the call was dropped, its time was over, the connection broke or oCore was killed, the
//! script ends everything the command has started: SIGTERM, and SIGKILL after four seconds. It needs a POSIX shell,
//! `setsid`, `head`, `sleep` and `/proc`, and was tried with dash, bash and busybox.

/// The script: `sh -c SCRIPT ocore LENGTH COMMAND…`.
///
/// A pipeline of two: the left side feeds the input and watches, the right side starts the command in a session of
/// its own and answers with its status. Processes are found in `/proc` by parent and by session, since a group misses
/// what made a group of its own. The watcher's number comes
/// ahead of the input; SIGPIPE ends it, because shells do not report that one.
const SCRIPT: &str = include_str!("supervise.sh");

/// The words of a supervised command that reads `input` bytes.
pub(crate) fn supervised<'a>(input: usize, command: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let input = input.to_string();
    let words = ["sh", "-c", SCRIPT, "ocore", &input].map(str::to_owned);
    words
        .into_iter()
        .chain(command.into_iter().map(str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        process::{Command, Output, Stdio},
        time::{Duration, Instant},
    };

    use super::*;

    /// Runs a command under the script; the stream stays open for as long as told.
    fn run(input: &[u8], told: usize, open: Option<Duration>, script: &str) -> Output {
        let words = supervised(told, ["sh", "-c", script]);
        let mut child = Command::new(&words[0])
            .args(&words[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pipe = child.stdin.take().unwrap();
        let _ = pipe.write_all(input);
        if let Some(open) = open {
            std::thread::sleep(open);
            drop(pipe);
            return child.wait_with_output().unwrap();
        }
        let output = child.wait_with_output().unwrap();
        drop(pipe);
        output
    }

    #[test]
    fn input_output_and_status_pass() {
        let output = run(b"hello", 5, None, "cat; echo wrong >&2; exit 3");
        assert_eq!(output.status.code(), Some(3));
        assert_eq!(output.stdout, b"hello");
        assert_eq!(output.stderr, b"wrong\n");
        assert_eq!(run(b"", 0, None, "cat; exit 4").status.code(), Some(4));
    }

    #[test]
    fn input_that_nobody_reads_holds_nothing_up() {
        assert_eq!(
            run(&vec![0; 1 << 20], 1 << 20, None, "exit 5").status.code(),
            Some(5)
        );
    }

    #[test]
    fn who_outlives_the_command_is_ended_too() {
        let mark = format!("8{}", std::process::id());
        let script = format!("sh -c 'trap \"\" TERM; sleep {mark}1; sleep {mark}2' & sleep {mark}3");
        run(b"", 0, Some(Duration::from_millis(500)), &script);
        assert!(!sleeps(&mark));
    }

    fn sleeps(mark: &str) -> bool {
        let listed = Command::new("ps").args(["ax", "-o", "args"]).output().unwrap();
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        listed
            .lines()
            .any(|line| line.starts_with(&format!("sleep {mark}")))
    }

    #[test]
    fn the_end_of_the_stream_ends_all_that_was_started() {
        // The numbers are odd enough to be nobody else's.
        let mark = format!("9{}", std::process::id());
        let script = format!(
            "sleep {mark}1 & (setsid sleep {mark}2) & sh -c 'trap \"\" TERM; sleep {mark}3; sleep {mark}3' & \
             trap '' TERM; wait; sleep {mark}4"
        );
        let began = Instant::now();
        let output = run(b"", 0, Some(Duration::from_millis(500)), &script);
        assert_ne!(output.status.code(), Some(0));
        assert!(began.elapsed() < Duration::from_secs(9), "{:?}", began.elapsed());
        assert!(!sleeps(&mark));
    }
}
