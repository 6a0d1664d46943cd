//! The secured listeners of a cluster: TLS, passwords and access rights.
//!
//! With `--secure`, each broker has one more listener, for SASL over TLS (`PLAIN`, `SCRAM-SHA-256`, `SCRAM-SHA-512`), and
//! checks the rights (ACLs) of those who come there. The plain listener stays; whoever comes there may do everything,
//! so that is where topics are made and rights are given. The JDK's `keytool` makes the certificates, anew for each
//! cluster. Everything secret begins with `canary-`, so a test can look for it wherever it must not be.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::{Result, succeeded};
use crate::setup;

/// Who may log in, and the passwords. None of them has any right at first.
const USERS: [(&str, &str); 2] = [("alice", "canary-alice-7f3ac1"), ("bob", "canary-bob-19c4d8")];
const KEYS_PASSWORD: &str = "canary-keys-52de07";
const MECHANISMS: [&str; 3] = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"];

/// Makes the certificates and the keys of the brokers and of a client. They trust each other; nobody has signed them.
pub(super) fn make_keys(folder: &Path) -> Result<()> {
    let both = |make: fn(&Path, &str) -> Command| {
        let making = ["broker", "client"].map(|owner| make(folder, owner).spawn());
        let making = making.map(|child| child.map_err(|error| format!("keytool: {error}")));
        making.into_iter().try_for_each(|child: Result<Child>| succeeded("keytool", child?.wait()))
    };
    both(|folder, owner| {
        let mut keytool = keytool(folder, owner, "-genkeypair");
        keytool.args(["-keyalg", "RSA", "-keysize", "2048", "-validity", "3650"]);
        keytool.args(["-dname", "CN=localhost", "-ext", "san=ip:127.0.0.1,dns:localhost"]);
        keytool
    })?;
    both(|folder, owner| {
        let mut keytool = keytool(folder, owner, "-exportcert");
        keytool.arg("-rfc").arg("-file").arg(certificate(folder, owner));
        keytool
    })
}

fn keytool(folder: &Path, owner: &str, what: &str) -> Command {
    let mut keytool = Command::new(setup::java_program("keytool").unwrap_or_else(|| "keytool".into()));
    keytool.args([what, "-alias", owner, "-storetype", "PKCS12", "-storepass", KEYS_PASSWORD, "-keystore"]);
    keytool.arg(keys(folder, owner)).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    keytool
}

fn keys(folder: &Path, owner: &str) -> PathBuf {
    folder.join(format!("{owner}.p12"))
}

fn certificate(folder: &Path, owner: &str) -> PathBuf {
    folder.join(format!("{owner}.pem"))
}

/// What `StorageTool format` gets in addition: the users' SCRAM credentials are part of the cluster's metadata.
pub(super) fn formatting() -> Vec<String> {
    let scram = MECHANISMS.iter().filter(|mechanism| mechanism.starts_with("SCRAM"));
    let users = scram.flat_map(|mechanism| USERS.map(|(name, password)| (mechanism, name, password)));
    users
        .flat_map(|(mechanism, name, password)| {
            ["--add-scram".to_owned(), format!("{mechanism}=[name={name},password={password}]")]
        })
        .collect()
}

/// The broker's settings for its secured listener, which has the name `SECURE`.
pub(super) fn properties(folder: &Path) -> String {
    const MODULES: &str = "org.apache.kafka.common.security";
    let mut text = format!(
        "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
listener.name.secure.ssl.keystore.type=PKCS12
listener.name.secure.ssl.keystore.location={keys}
listener.name.secure.ssl.keystore.password={KEYS_PASSWORD}
listener.name.secure.ssl.key.password={KEYS_PASSWORD}
listener.name.secure.ssl.truststore.type=PEM
listener.name.secure.ssl.truststore.location={client}
listener.name.secure.ssl.client.auth=requested
listener.name.secure.sasl.enabled.mechanisms={mechanisms}
",
        keys = keys(folder, "broker").display(),
        client = certificate(folder, "client").display(),
        mechanisms = MECHANISMS.join(","),
    );
    for mechanism in MECHANISMS {
        let name = mechanism.to_ascii_lowercase();
        let module = if mechanism == "PLAIN" {
            let users = USERS.map(|(name, password)| format!(" user_{name}=\"{password}\""));
            format!("{MODULES}.plain.PlainLoginModule required{}", users.concat())
        } else {
            format!("{MODULES}.scram.ScramLoginModule required")
        };
        let _ = writeln!(text, "listener.name.secure.{name}.sasl.jaas.config={module};");
    }
    text
}

/// Writes a file with the settings of a client for each user, `alice.properties` and `bob.properties`.
pub(super) fn write_clients(folder: &Path, servers: &str) -> Result<()> {
    for (name, password) in USERS {
        let file = folder.join(format!("{name}.properties"));
        let text = format!(
            "bootstrap.servers={servers}
security.protocol=SASL_SSL
ssl.ca.location={broker}
ssl.keystore.location={keys}
ssl.keystore.password={KEYS_PASSWORD}
sasl.mechanism=SCRAM-SHA-256
sasl.username={name}
sasl.password={password}
",
            broker = certificate(folder, "broker").display(),
            keys = keys(folder, "client").display(),
        );
        fs::write(&file, text).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{KEYS_PASSWORD, USERS, formatting, properties};

    #[test]
    fn every_secret_can_be_found_by_its_beginning() {
        for secret in USERS.map(|(_, password)| password).into_iter().chain([KEYS_PASSWORD]) {
            assert!(secret.starts_with("canary-"), "{secret}");
        }
    }

    #[test]
    fn every_user_can_log_in_by_every_mechanism() {
        let formatting = formatting();
        assert_eq!(formatting.len(), 8, "two words for each user and SCRAM mechanism: {formatting:?}");
        let properties = properties("/somewhere".as_ref());
        for (name, password) in USERS {
            for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
                let credential = format!("{mechanism}=[name={name},password={password}]");
                assert!(formatting.contains(&credential), "{credential}: {formatting:?}");
            }
            assert!(properties.contains(&format!(" user_{name}=\"{password}\"")), "{properties}");
        }
    }
}
