//! Parses the command line of `cargo xtask kafka`.

use super::Result;

/// The name of the cluster if none is given.
pub(super) const DEFAULT: &str = "default";

const USAGE: &str =
    "usage: cargo xtask kafka start [--brokers 1|3] [--fresh] [--proxies PORT[,..]] [--secure] [--name NAME]
       cargo xtask kafka stop | status [--name NAME]
       cargo xtask kafka kill N [--name NAME]
       cargo xtask kafka exec [--name NAME] CLASS ARGS...";

/// A parsed command line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Request {
    Start { name: String, brokers: Option<usize>, fresh: bool, proxies: Vec<u16>, secure: bool },
    Stop { name: String },
    Status { name: String },
    Kill { name: String, broker: usize },
    Exec { name: String, class: String, args: Vec<String> },
}

impl Request {
    pub(super) fn parse(args: &[String]) -> Result<Self> {
        let (command, rest) = args.split_first().ok_or(USAGE)?;
        if command == "exec" {
            return Self::parse_exec(rest);
        }
        let (mut name, mut brokers, mut fresh, mut number) = (DEFAULT.to_owned(), None, false, None);
        let (mut proxies, mut secure) = (Vec::new(), false);
        let mut rest = rest.iter();
        while let Some(arg) = rest.next() {
            match (command.as_str(), arg.as_str()) {
                (_, "--name") => name = checked_name(rest.next().ok_or(USAGE)?)?,
                ("start", "--brokers") => {
                    brokers = match rest.next().map(String::as_str) {
                        Some("1") => Some(1),
                        Some("3") => Some(3),
                        _ => return Err(format!("--brokers takes 1 or 3\n{USAGE}")),
                    };
                }
                ("start", "--fresh") => fresh = true,
                ("start", "--secure") => secure = true,
                ("start", "--proxies") => {
                    let ports =
                        rest.next().ok_or(USAGE)?.split(',').map(str::parse).collect::<std::result::Result<_, _>>();
                    proxies = ports.map_err(|_| format!("--proxies takes a port for each broker\n{USAGE}"))?;
                }
                ("kill", digits) if number.is_none() => {
                    number = Some(digits.parse().map_err(|_| format!("{digits:?} is not a broker's number\n{USAGE}"))?);
                }
                (_, other) => return Err(format!("unknown argument {other:?}\n{USAGE}")),
            }
        }
        match command.as_str() {
            "start" => Ok(Self::Start { name, brokers, fresh, proxies, secure }),
            "stop" => Ok(Self::Stop { name }),
            "status" => Ok(Self::Status { name }),
            "kill" => Ok(Self::Kill { name, broker: number.ok_or(USAGE)? }),
            other => Err(format!("unknown command {other:?}\n{USAGE}")),
        }
    }

    /// All arguments after the class belong to the class.
    fn parse_exec(args: &[String]) -> Result<Self> {
        let (name, rest) = match args {
            [option, name, rest @ ..] if option == "--name" => (checked_name(name)?, rest),
            rest => (DEFAULT.to_owned(), rest),
        };
        match rest {
            [class, args @ ..] if !class.starts_with('-') => {
                Ok(Self::Exec { name, class: class.clone(), args: args.to_vec() })
            }
            _ => Err(USAGE.to_owned()),
        }
    }
}

fn checked_name(name: &str) -> Result<String> {
    let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if plain { Ok(name.to_owned()) } else { Err(format!("{name:?}: a name may contain letters, digits, `-` and `_`")) }
}

#[cfg(test)]
mod tests {
    use super::Request;

    #[test]
    fn command_lines_mean_what_the_usage_says() {
        let parse = |line: &str| Request::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        let name = || "default".to_owned();
        let start = |brokers, fresh, proxies: &[u16]| Request::Start {
            name: name(),
            brokers,
            fresh,
            proxies: proxies.to_vec(),
            secure: false,
        };
        let secured = Request::Start { name: name(), brokers: None, fresh: true, proxies: Vec::new(), secure: true };
        for (line, expected) in [
            ("start", start(None, false, &[])),
            ("start --fresh --brokers 3", start(Some(3), true, &[])),
            ("start --fresh --proxies 4001", start(None, true, &[4001])),
            ("start --proxies 4001,4002,4003", start(None, false, &[4001, 4002, 4003])),
            ("start --secure --fresh", secured),
            ("stop --name chaos", Request::Stop { name: "chaos".into() }),
            ("status", Request::Status { name: name() }),
            ("kill 2 --name chaos", Request::Kill { name: "chaos".into(), broker: 2 }),
            (
                "exec a.B --name x",
                Request::Exec { name: name(), class: "a.B".into(), args: vec!["--name".into(), "x".into()] },
            ),
            ("exec --name chaos a.B", Request::Exec { name: "chaos".into(), class: "a.B".into(), args: Vec::new() }),
        ] {
            assert_eq!(parse(line), Ok(expected), "{line}");
        }
        for line in [
            "",
            "halt",
            "start --brokers 2",
            "start 3",
            "start --proxies",
            "start --proxies 4001,",
            "kill",
            "kill one",
            "exec",
            "exec --name",
            "exec --name x",
            "exec --fresh a.B",
            "exec --name ../x a.B",
            "stop --name ../x",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
