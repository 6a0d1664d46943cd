//! Layers of settings: from the program, from files, from the environment and from the command line.

use std::ffi::OsString;
use std::fmt::Display;

use super::clients::{ClientScope, closest_prefixed, owned_client_setting, with_prefix};
use super::error::{ConfigError, ConfigErrors, Origin};
#[cfg(feature = "config-files")]
use super::file;
use super::foreign_names::{EVERY_CLIENT, SECRETS};
use super::settings::{SETTINGS, find};
use super::suggest::closest;
use super::topics::PREFIX as TOPIC_PREFIX;
use super::{StreamsConfig, environment, refused};

/// Collects settings and combines them to a [`StreamsConfig`]. Whatever the order of the calls, later layers in this
/// list override earlier ones: defaults, code, files (later files override earlier ones), environment, command line.
#[derive(Debug, Clone, Default)]
pub struct Layers {
    base: Option<StreamsConfig>,
    entries: Vec<LayeredSetting>,
    errors: Vec<ConfigError>,
}

/// One setting from one layer.
#[derive(Clone)]
pub(super) struct LayeredSetting {
    pub(super) key: String,
    pub(super) value: String,
    pub(super) origin: Origin,
}

/// Leaves out the value, which may be secret.
impl std::fmt::Debug for LayeredSetting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.key, self.origin)
    }
}

impl Layers {
    /// Only the defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts from a configuration that the program built, as the lowest layer of code.
    #[must_use]
    pub fn over(config: StreamsConfig) -> Self {
        Self { base: Some(config), ..Self::default() }
    }

    /// Sets a setting in code, by its name in Kafka Streams.
    #[must_use]
    pub fn set(self, key: impl Into<String>, value: impl Display) -> Self {
        self.entry(key.into(), value.to_string(), Origin::Code)
    }

    /// Adds a file: `.properties` as Java reads it, but in UTF-8, or `.toml`, where nested tables become dotted names and
    /// lists become text with commas. Needs the feature `config-files`.
    #[cfg(feature = "config-files")]
    #[must_use]
    pub fn file(mut self, path: impl AsRef<std::path::Path>) -> Self {
        match file::read(path.as_ref()) {
            Ok(entries) => self.entries.extend(entries),
            Err(error) => self.errors.push(error),
        }
        self
    }

    /// Adds the environment: variables named `KSTREAM_` and the setting's name in capitals, with `_` for `.`, as in
    /// `KSTREAM_NUM_STREAM_THREADS`. A prefix for clients or topics ends with two underscores:
    /// `KSTREAM_CONSUMER__FETCH_MIN_BYTES`. With `_FILE` after the name, the value is read from a file:
    /// `KSTREAM_SASL_PASSWORD_FILE=/run/secrets/kafka`.
    #[must_use]
    pub fn environment(self) -> Self {
        self.environment_of(std::env::vars_os())
    }

    /// As [`Layers::environment`], with the given variables instead of the process's own.
    #[must_use]
    pub fn environment_of<N: Into<OsString>, V: Into<OsString>>(
        mut self,
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        for (name, value) in variables {
            match environment::read(&name.into(), &value.into()) {
                Ok(entry) => self.entries.extend(entry),
                Err(error) => self.errors.push(error),
            }
        }
        self
    }

    /// Adds `key=value` from the command line.
    #[must_use]
    pub fn argument(mut self, argument: &str) -> Self {
        match argument.split_once('=') {
            Some((key, value)) => self.entry(key.trim().to_owned(), value.to_owned(), Origin::Argument),
            None => {
                // The argument may be a secret without its name, so the error does not quote it.
                self.errors.push(ConfigError::new("an argument", Origin::Argument, "it is not of the form key=value"));
                self
            }
        }
    }

    fn entry(mut self, key: String, value: String, origin: Origin) -> Self {
        self.entries.push(LayeredSetting { key, value, origin });
        self
    }

    /// Combines the layers.
    ///
    /// # Errors
    /// All errors of all layers, including those of settings that another layer overrides.
    pub fn read(mut self) -> Result<StreamsConfig, ConfigErrors> {
        self.entries.sort_by_key(|entry| rank(&entry.origin));
        let mut errors = self.errors;
        let mut config = match start(self.base, &self.entries) {
            Ok(config) => config,
            Err(error) => {
                errors.push(error);
                // Goes on only to find out what else is wrong.
                StreamsConfig::new("unnamed").map_err(|error| {
                    ConfigErrors::from(ConfigError::new("application.id", Origin::Default, error.to_string()))
                })?
            }
        };
        for entry in self.entries {
            let (key, origin) = (entry.key.clone(), entry.origin.clone());
            if let Err(problem) = apply(&mut config, entry) {
                errors.push(ConfigError::new(key, origin, problem));
            }
        }
        errors.dedup();
        ConfigErrors::check(errors).map(|()| config)
    }
}

/// The order of the layers; the highest one wins.
fn rank(origin: &Origin) -> u8 {
    match origin {
        Origin::Default => 0,
        Origin::Code => 1,
        Origin::File { .. } => 2,
        Origin::Environment(_) => 3,
        Origin::Argument => 4,
    }
}

/// The configuration below the layers, which cannot exist without an application id.
fn start(base: Option<StreamsConfig>, entries: &[LayeredSetting]) -> Result<StreamsConfig, ConfigError> {
    if let Some(config) = base {
        return Ok(config);
    }
    // If one of them is invalid, applying it reports that.
    let mut ids = entries.iter().filter(|entry| entry.key == "application.id");
    match ids.find_map(|entry| StreamsConfig::new(entry.value.trim()).ok()) {
        Some(config) => Ok(config),
        None if entries.iter().any(|entry| entry.key == "application.id") => StreamsConfig::new("unnamed")
            .map_err(|error| ConfigError::new("application.id", Origin::Default, error.to_string())),
        None => Err(ConfigError::new(
            "application.id",
            Origin::Default,
            "it is not set; it names the application's group, internal topics and state folder",
        )),
    }
}

/// Applies one setting, or says why there is no such setting.
fn apply(config: &mut StreamsConfig, entry: LayeredSetting) -> Result<(), String> {
    let LayeredSetting { key, value, origin } = entry;
    if let Some(setting) = find(&key) {
        (setting.apply)(config, &value)?;
        config.origins.0.insert(setting.name, (origin, (setting.show)(config)));
        return Ok(());
    }
    if let Some(name) = key.strip_prefix(TOPIC_PREFIX) {
        return config.topics.set_from(name.to_owned(), value, origin);
    }
    if key.starts_with("global.consumer.") {
        return Err("global tables are read by ordinary consumers; write `consumer.`".to_owned());
    }
    if key.starts_with("client.tag.") {
        return Err("there are no standby tasks yet that tags could place".to_owned());
    }
    for scope in ClientScope::PREFIXED {
        if let Some(name) = key.strip_prefix(scope.prefix()) {
            return config.clients.set_from(scope, name.to_owned(), value, origin);
        }
    }
    if is_security(&key) {
        return config.clients.set_from(ClientScope::All, key, value, origin);
    }
    Err(unknown(&key))
}

/// Whether a name is one of the security settings, which need no prefix because all clients need them.
pub(super) fn is_security(key: &str) -> bool {
    ["security.", "sasl.", "ssl.", "https.", "enable.ssl.", "enable.sasl."].iter().any(|stem| key.starts_with(stem))
}

fn unknown(key: &str) -> String {
    let known = || SETTINGS.iter().map(|setting| setting.name);
    let security = || EVERY_CLIENT.iter().chain(SECRETS).copied().filter(|name| is_security(name));
    if let Some(answer) = refused::advice(key).or_else(|| owned_client_setting(key)) {
        return answer.to_owned();
    }
    if let Some(answer) = with_prefix(key) {
        return answer;
    }
    let suggestion = closest(key, known().chain(security())).map(str::to_owned).or_else(|| closest_prefixed(key));
    match suggestion {
        Some(suggestion) => format!("there is no such setting; did you mean `{suggestion}`?"),
        None => "there is no such setting; settings of Kafka clients start with `consumer.`, `producer.` or `admin.`"
            .to_owned(),
    }
}
