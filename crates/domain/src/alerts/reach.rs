//! When a server counts as unreachable: two vantage points have to agree.

use chrono::{DateTime, TimeDelta, Utc};

use crate::words::words;

words! {
    /// Whether a server can be reached.
    pub enum Reach {
        /// By SSH.
        Reachable = "reachable",
        /// Not by SSH, and its agent reports all the same.
        SshUnreachable = "ssh_unreachable",
        /// Neither.
        Unreachable = "unreachable",
    }
}

/// After this long without a push an agent is silent: two pushes, of which one may be lost, and what the other may take.
pub const AGENT_SILENCE: TimeDelta = TimeDelta::seconds(65);

/// What the looks by SSH showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ssh {
    /// The first failure of a row of them; none: it answers.
    pub failing_since: Option<DateTime<Utc>>,
    /// Whether it was tried again as often as it takes to believe it.
    pub is_confirmed: bool,
}

/// What is known of an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agent {
    /// None is installed.
    None,
    /// It pushed last at this time, by oCore's clock; none: never yet.
    Seen(Option<DateTime<Utc>>),
}

impl Agent {
    /// Whether there is one that does not push.
    pub fn is_silent(self, now: DateTime<Utc>) -> bool {
        match self {
            Self::None => false,
            Self::Seen(at) => at.is_none_or(|at| now - at > AGENT_SILENCE),
        }
    }
}

/// What follows; none: it cannot be told yet, and what was told before stays.
///
/// An agent that pushed before SSH began to fail proves nothing: until it pushes again, or was silent for long enough,
/// one waits.
pub fn reach(ssh: Ssh, agent: Agent, now: DateTime<Utc>) -> Option<Reach> {
    let Some(since) = ssh.failing_since else {
        return Some(Reach::Reachable);
    };
    if !ssh.is_confirmed {
        return None;
    }
    match agent {
        Agent::None => Some(Reach::Unreachable),
        Agent::Seen(_) if agent.is_silent(now) => Some(Reach::Unreachable),
        Agent::Seen(at) => at.is_some_and(|at| at > since).then_some(Reach::SshUnreachable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_000_000 + seconds, 0).unwrap()
    }

    fn failing(since: i64) -> Ssh {
        Ssh {
            failing_since: Some(at(since)),
            is_confirmed: true,
        }
    }

    #[test]
    fn both_have_to_agree() {
        let well = Ssh {
            failing_since: None,
            is_confirmed: false,
        };
        let pushed = |seconds| Agent::Seen(Some(at(seconds)));
        assert_eq!(reach(well, Agent::None, at(0)), Some(Reach::Reachable));
        assert_eq!(reach(well, pushed(-500), at(0)), Some(Reach::Reachable));
        assert_eq!(reach(failing(0), Agent::None, at(20)), Some(Reach::Unreachable));
        // Killed at 0, after a push: neither is told before the silence is long enough.
        assert_eq!(reach(failing(5), pushed(0), at(30)), None);
        assert_eq!(reach(failing(5), pushed(0), at(65)), None);
        assert_eq!(reach(failing(5), pushed(0), at(66)), Some(Reach::Unreachable));
        assert_eq!(reach(failing(5), pushed(30), at(40)), Some(Reach::SshUnreachable));
        assert_eq!(
            reach(failing(5), Agent::Seen(None), at(40)),
            Some(Reach::Unreachable)
        );
        let unconfirmed = Ssh {
            is_confirmed: false,
            ..failing(0)
        };
        assert_eq!(reach(unconfirmed, Agent::None, at(60)), None);
    }

    struct Dice(u64);

    impl Dice {
        fn loses(&mut self, percent: u64) -> bool {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % 100 < percent
        }

        /// Seconds until an exchange came through, sent again after 0.2 s, 0.4 s, 0.8 s … as TCP does.
        fn exchange(&mut self, percent: u64) -> f64 {
            let (mut waited, mut pause) = (0.02, 0.2);
            while self.loses(percent) || self.loses(percent) {
                waited += pause;
                pause *= 2.0;
            }
            waited
        }
    }

    /// 24 hours of a loss of 5 % in both directions: a look is 12 exchanges and has 10 s, an agent's push 6 and 10 s.
    /// Once with an agent and once without.
    #[test]
    fn a_day_of_lost_packets_alerts_of_nothing() {
        for (seed, has_agent) in (0..40).flat_map(|seed| [(seed, true), (seed, false)]) {
            let mut dice = Dice(seed);
            let mut last_push = 0;
            let mut failed_looks = 0;
            for second in (0..86_400_i64).step_by(15) {
                let mut comes_through = |exchanges: u32| {
                    let took: f64 = (0..exchanges).map(|_| dice.exchange(5)).sum();
                    took < 10.0
                };
                if second % 30 == 0 && comes_through(6) {
                    last_push = second;
                }
                let mut ssh = Ssh {
                    failing_since: None,
                    is_confirmed: false,
                };
                // The first one and three more.
                let failed = (0..4).take_while(|_| !comes_through(12)).count();
                if failed > 0 {
                    failed_looks += 1;
                    ssh.failing_since = Some(at(second));
                    ssh.is_confirmed = failed == 4;
                }
                let agent = if has_agent {
                    Agent::Seen(Some(at(last_push)))
                } else {
                    Agent::None
                };
                let told = reach(ssh, agent, at(second + 40));
                assert!(
                    told.is_none_or(|reach| reach == Reach::Reachable),
                    "seed {seed}, agent {has_agent}, second {second}: {told:?}"
                );
            }
            assert!(failed_looks < 100, "{failed_looks}");
        }
    }

    /// A harsher replay: each look by itself fails with 5 %, and each push is lost with 5 %. With both vantage points a
    /// hundred days alert of nothing.
    #[test]
    fn looks_that_fail_by_chance_alert_of_nothing() {
        let mut dice = Dice(7);
        let mut last_push = 0;
        let mut failed = 0;
        for second in (0..100 * 86_400_i64).step_by(15) {
            if second % 30 == 0 && !dice.loses(5) {
                last_push = second;
            }
            let tries = (0..4).take_while(|_| dice.loses(5)).count();
            failed += usize::from(tries > 0);
            if tries == 4 {
                let told = reach(failing(second), Agent::Seen(Some(at(last_push))), at(second + 20));
                assert_ne!(told, Some(Reach::Unreachable), "second {second}");
            }
        }
        assert!(failed > 20_000, "it does lose: {failed}");
    }
}
