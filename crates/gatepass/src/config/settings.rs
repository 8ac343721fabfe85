//! From what was said (flags, environment, file) to what it means.

use std::{
    env,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use clap::{ArgMatches, parser::ValueSource};
use mcp_oauth_client::Secret;
use toml::Spanned;
use url::Url;

use super::{
    ClientMetadata, Config, ConfigError, Database, EgressMode, Origin, PublicUrl, Setting,
    file::{File, Loaded},
    read::{
        allowed, base_url, client, client_metadata, database, egress_mode, exception,
        listen_address, server,
    },
};
use crate::cli::ServeArgs;

/// The file's name in the data folder.
const FILE_NAME: &str = "gatepass.toml";

/// What flags and environment say.
#[derive(Debug, Default)]
pub struct Settings {
    said: Vec<(Key, Vec<String>, Origin)>,
    /// Whether the variables of other programs are read too.
    environment: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Listen,
    PublicUrl,
    DataDir,
    MasterKeys,
    DatabaseUrl,
    BehindProxy,
    Demo,
    ModelUrl,
    ModelSecret,
    Egress,
    EgressAllow,
    EgressProxy,
    TlsCa,
    ClientMetadataUrl,
    Config,
    Log,
}

/// Each key: its id in clap, its flag, its variable.
const NAMES: [(Key, &str, &str, &str); 16] = [
    (Key::Listen, "listen", "--listen", "GATEPASS_LISTEN"),
    (
        Key::PublicUrl,
        "public_url",
        "--public-url",
        "GATEPASS_PUBLIC_URL",
    ),
    (Key::DataDir, "data_dir", "--data-dir", "GATEPASS_DATA_DIR"),
    (
        Key::MasterKeys,
        "key_file",
        "--key-file",
        "GATEPASS_KEY_FILE",
    ),
    (
        Key::DatabaseUrl,
        "database_url",
        "--database-url",
        "GATEPASS_DATABASE_URL",
    ),
    (
        Key::BehindProxy,
        "behind_proxy",
        "--behind-proxy",
        "GATEPASS_BEHIND_PROXY",
    ),
    (Key::Demo, "demo", "--demo", "GATEPASS_DEMO"),
    (
        Key::ModelUrl,
        "model_url",
        "--model-url",
        "GATEPASS_MODEL_URL",
    ),
    (
        Key::ModelSecret,
        "model_key",
        "--model-key",
        "GATEPASS_MODEL_KEY",
    ),
    (Key::Egress, "egress", "--egress", "GATEPASS_EGRESS"),
    (
        Key::EgressAllow,
        "egress_allow",
        "--egress-allow",
        "GATEPASS_EGRESS_ALLOW",
    ),
    (
        Key::EgressProxy,
        "egress_proxy",
        "--egress-proxy",
        "GATEPASS_EGRESS_PROXY",
    ),
    (Key::TlsCa, "tls_ca", "--tls-ca", "GATEPASS_TLS_CA"),
    (
        Key::ClientMetadataUrl,
        "client_metadata_url",
        "--client-metadata-url",
        "GATEPASS_CLIENT_METADATA_URL",
    ),
    (Key::Config, "config", "--config", "GATEPASS_CONFIG"),
    (Key::Log, "log", "--log", "GATEPASS_LOG"),
];

impl Settings {
    /// Collects what was said. `matches` tells a flag from a variable; without it (a program that
    /// builds its arguments itself) everything counts as a flag.
    pub fn gather(args: &ServeArgs, matches: Option<&ArgMatches>) -> Result<Self, ConfigError> {
        let one = |value: &Option<String>| value.iter().cloned().collect::<Vec<_>>();
        let mut said = Vec::new();
        for (key, id, flag, variable) in NAMES {
            let values = match key {
                Key::Listen => one(&args.listen),
                Key::PublicUrl => one(&args.public_url),
                Key::DataDir => one(&args.data_dir),
                Key::MasterKeys => one(&args.key_file),
                Key::DatabaseUrl => one(&args.database_url),
                Key::BehindProxy => one(&args.behind_proxy),
                Key::Demo => one(&args.demo),
                Key::ModelUrl => one(&args.model_url),
                Key::ModelSecret => one(&args.model_key),
                Key::Egress => one(&args.egress),
                Key::EgressProxy => one(&args.egress_proxy),
                Key::EgressAllow => args.egress_allow.clone(),
                Key::TlsCa => args.tls_ca.clone(),
                Key::ClientMetadataUrl => one(&args.client_metadata_url),
                Key::Config => one(&args.config),
                Key::Log => one(&args.log),
            };
            let source = matches.and_then(|matches| matches.value_source(id));
            let origin = match source {
                Some(ValueSource::EnvVariable) => Origin::Environment(variable),
                _ => Origin::Flag(flag),
            };
            // An empty variable is how a shell or a compose file says “not set”.
            let values: Vec<String> = values
                .into_iter()
                .filter(|v| !v.trim().is_empty())
                .collect();
            if !values.is_empty() {
                said.push((key, values, origin));
            }
        }
        Ok(Self {
            said,
            environment: matches.is_some(),
        })
    }

    fn all(&self, key: Key) -> Option<Setting<Vec<String>>> {
        let (_, values, origin) = self.said.iter().find(|(own, ..)| *own == key)?;
        Some(Setting {
            value: values.clone(),
            origin: origin.clone(),
        })
    }

    fn one(&self, key: Key) -> Option<Setting<String>> {
        let mut all = self.all(key)?;
        Some(Setting {
            value: all.value.pop()?,
            origin: all.origin,
        })
    }

    pub(super) fn resolve(self) -> Result<Config, ConfigError> {
        let said_dir = self.one(Key::DataDir);
        let path = match (self.one(Key::Config), &said_dir) {
            (Some(path), _) => Some(PathBuf::from(path.value)),
            (None, Some(dir)) => existing(Path::new(&dir.value).join(FILE_NAME)),
            (None, None) => default_data_dir().and_then(|dir| existing(dir.join(FILE_NAME))),
        };
        let loaded = match &path {
            Some(path) => Some(Loaded::read(path)?),
            None => None,
        };
        let source = Source {
            said: &self,
            loaded: loaded.as_ref(),
        };

        let listen = match source.text(Key::Listen, |file| &file.listen) {
            Some(text) => text.try_map(|text| listen_address(&text))?,
            None => Setting::default_of(SocketAddr::from(([127, 0, 0, 1], 4283))),
        };
        let public_url = match source.text(Key::PublicUrl, |file| &file.public_url) {
            Some(text) => text.try_map(|text| PublicUrl::parse(&text).map(Some))?,
            None => Setting::default_of(None),
        };
        let data_dir = match source.text(Key::DataDir, |file| &file.data_dir) {
            Some(text) => text.try_map(|text| Ok(PathBuf::from(text)))?,
            None => Setting::default_of(default_data_dir().ok_or(ConfigError::NoDataDir)?),
        };
        let key_file = match source.text(Key::MasterKeys, |file| &file.key_file) {
            Some(text) => text.try_map(|text| Ok(PathBuf::from(text)))?,
            None => Setting::default_of(data_dir.value.join("keys")),
        };
        let database = match source.text(Key::DatabaseUrl, |file| &file.database_url) {
            Some(text) => text.try_map(|text| database(&text))?,
            None => Setting::default_of(Database::Sqlite(data_dir.value.join("gatepass.sqlite"))),
        };
        let egress = match source.text(Key::Egress, |file| &file.egress) {
            Some(text) => text.try_map(|text| egress_mode(&text))?,
            None => {
                let personal = listen.value.ip().is_loopback()
                    && public_url.value.as_ref().is_none_or(PublicUrl::is_loopback);
                Setting::default_of(match personal {
                    true => EgressMode::Loopback,
                    false => EgressMode::Public,
                })
            }
        };
        let (model_url, model_key) = source.model()?;
        let empty = || Setting::default_of(Vec::new());
        let mut config = Config {
            behind_proxy: source.truth(Key::BehindProxy, |file| &file.behind_proxy)?,
            demo: source.truth(Key::Demo, |file| &file.demo)?,
            model_url,
            model_key,
            egress_allow: source
                .list(Key::EgressAllow, |file| &file.egress_allow)
                .unwrap_or_else(empty)
                .try_map(|entries| entries.iter().map(|entry| allowed(entry)).collect())?,
            egress_proxy: match source.text(Key::EgressProxy, |file| &file.egress_proxy) {
                Some(text) => text.try_map(|text| base_url(&text).map(Some))?,
                None => Setting::default_of(None),
            },
            tls_ca: source
                .list(Key::TlsCa, |file| &file.tls_ca)
                .unwrap_or_else(empty)
                .try_map(|paths| Ok(paths.into_iter().map(PathBuf::from).collect()))?,
            client_metadata: match source
                .text(Key::ClientMetadataUrl, |file| &file.client_metadata_url)
            {
                Some(text) => text.try_map(|text| client_metadata(&text))?,
                None => Setting::default_of(ClientMetadata::Own),
            },
            log: source
                .text(Key::Log, |file| &file.log)
                .unwrap_or_else(|| Setting::default_of(LOG.to_owned())),
            listen,
            public_url,
            data_dir,
            key_file,
            database,
            egress,
            file: path.clone(),
            servers: Vec::new(),
            clients: Vec::new(),
            models: Vec::new(),
            issuers_without_s256: Vec::new(),
            limits: super::Limits::default(),
        };
        if config.demo.value
            && config
                .public_url
                .value
                .as_ref()
                .is_some_and(|url| !url.is_loopback())
        {
            return Err(ConfigError::Value {
                origin: config.demo.origin,
                message: "the demo runs on this machine only, and the public URL is another"
                    .to_owned(),
            });
        }
        if let Some(loaded) = &loaded {
            let policy = config.url_policy();
            config.servers = entries(loaded, &loaded.file.servers, |entry| server(entry, policy))?;
            config.clients = entries(loaded, &loaded.file.clients, |entry| client(entry, policy))?;
            config.issuers_without_s256 = entries(loaded, &loaded.file.issuers, |entry| {
                exception(entry, policy)
            })?
            .into_iter()
            .flatten()
            .collect();
            config.models.clone_from(&loaded.file.models);
            config.limits = loaded.file.limits.clone();
        }
        config.limits.settle(config.is_personal());
        Ok(config)
    }
}

/// What is logged when nobody says. rmcp calls every refused sign-in an error of its own.
const LOG: &str = "info,rmcp=off";

type ModelSettings = (Setting<Option<Url>>, Setting<Option<Secret>>);

/// Where a key in `OPENAI_API_KEY` belongs when nothing else is said.
const OPENAI_HOST: &str = "api.openai.com";

/// Looks a key up: what was said, else the file.
struct Source<'a> {
    said: &'a Settings,
    loaded: Option<&'a Loaded<'a>>,
}

impl Source<'_> {
    fn text(
        &self,
        key: Key,
        field: impl FnOnce(&File) -> &Option<Spanned<String>>,
    ) -> Option<Setting<String>> {
        self.said.one(key).or_else(|| self.in_file(field))
    }

    fn list(
        &self,
        key: Key,
        field: impl FnOnce(&File) -> &Option<Spanned<Vec<String>>>,
    ) -> Option<Setting<Vec<String>>> {
        self.said.all(key).or_else(|| self.in_file(field))
    }

    fn truth(
        &self,
        key: Key,
        field: impl FnOnce(&File) -> &Option<Spanned<bool>>,
    ) -> Result<Setting<bool>, ConfigError> {
        match self.said.one(key) {
            Some(text) => text.try_map(|text| match text.trim().to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" | "on" => Ok(true),
                "false" | "0" | "no" | "off" => Ok(false),
                _ => Err(format!("“{text}” is neither true nor false")),
            }),
            None => Ok(self
                .in_file(field)
                .unwrap_or_else(|| Setting::default_of(false))),
        }
    }

    /// The model endpoint and its key. `OPENAI_BASE_URL` and `OPENAI_API_KEY` belong together and
    /// come last: that key is never sent to an endpoint that was configured otherwise, unless it
    /// is OpenAI's own.
    fn model(&self) -> Result<ModelSettings, ConfigError> {
        let url = match self.text(Key::ModelUrl, |file| &file.model_url) {
            Some(text) => text.try_map(|text| base_url(&text).map(Some))?,
            None => Setting::default_of(None),
        };
        let key = match self.text(Key::ModelSecret, |file| &file.model_key) {
            Some(text) => text.try_map(|text| Ok(Some(Secret::new(text.trim()))))?,
            None => Setting::default_of(None),
        };
        let theirs = self.said.environment.then_some(());
        let variable = |name| {
            let value = theirs.and_then(|()| env::var(name).ok())?;
            (!value.trim().is_empty()).then_some(Setting {
                value,
                origin: Origin::Environment(name),
            })
        };
        let own = url
            .value
            .as_ref()
            .is_some_and(|url| url.host_str() != Some(OPENAI_HOST));
        if own {
            return Ok((url, key));
        }
        let key = match variable("OPENAI_API_KEY") {
            Some(text) if key.value.is_none() => {
                text.try_map(|text| Ok(Some(Secret::new(text.trim()))))?
            }
            _ => key,
        };
        let url = match variable("OPENAI_BASE_URL") {
            Some(text) if url.value.is_none() => text.try_map(|text| base_url(&text).map(Some))?,
            _ if url.value.is_none() && key.value.is_some() => {
                Setting {
                    value: Some(base_url(&format!("https://{OPENAI_HOST}/v1")).map_err(
                        |message| ConfigError::Value {
                            origin: key.origin.clone(),
                            message,
                        },
                    )?),
                    origin: key.origin.clone(),
                }
            }
            _ => url,
        };
        Ok((url, key))
    }

    fn in_file<T: Clone>(
        &self,
        field: impl FnOnce(&File) -> &Option<Spanned<T>>,
    ) -> Option<Setting<T>> {
        let loaded = self.loaded?;
        let value = field(&loaded.file).as_ref()?;
        Some(Setting {
            value: value.get_ref().clone(),
            origin: loaded.origin(value),
        })
    }
}

fn entries<E, T>(
    loaded: &Loaded<'_>,
    list: &[Spanned<E>],
    read: impl Fn(&E) -> Result<T, String>,
) -> Result<Vec<T>, ConfigError> {
    list.iter()
        .map(|entry| {
            read(entry.get_ref()).map_err(|message| ConfigError::Value {
                origin: loaded.origin(entry),
                message,
            })
        })
        .collect()
}

fn existing(path: PathBuf) -> Option<PathBuf> {
    path.is_file().then_some(path)
}

/// `$XDG_DATA_HOME/gatepass` or `~/.local/share/gatepass`; the platform's own place on macOS and
/// Windows.
fn default_data_dir() -> Option<PathBuf> {
    if let Some(dir) = env::var_os("XDG_DATA_HOME").map(PathBuf::from)
        && dir.is_absolute()
    {
        return Some(dir.join("gatepass"));
    }
    if cfg!(windows) {
        return env::var_os("LOCALAPPDATA").map(|dir| PathBuf::from(dir).join("Gatepass"));
    }
    let home = env::home_dir().filter(|home| home.is_absolute())?;
    Some(if cfg!(target_os = "macos") {
        home.join("Library/Application Support/Gatepass")
    } else {
        home.join(".local/share/gatepass")
    })
}
