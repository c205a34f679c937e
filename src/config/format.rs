//! The form in which samples leave the agent.

use crate::base::url::path;
use crate::platform::Transfer;

/// Makes rows of: a form, and its name as a value of `-format`.
macro_rules! formats {
    ($($(#[$doc:meta])* $format:ident $name:literal;)*) => {
        /// The form in which samples leave the agent.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Format {
            $($(#[$doc])* $format),*
        }

        impl Format {
            /// Returns the form of a name.
            pub(super) fn parse(name: &[u8]) -> Option<Self> {
                let all = [$(($name, Self::$format)),*];
                let found = all.iter().find(|(known, _)| known.as_bytes() == name)?;
                Some(found.1)
            }

            /// Returns the name.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$format => $name),*
                }
            }
        }
    };
}

formats! {
    /// A JSON object a line.
    Json "json";
    /// A JSON object a line, with the tags as an object.
    JsonLabels "json-labels";
    /// Influx line protocol.
    Influx "influx";
    /// OTLP, as protobuf.
    Otlp "otlp";
    /// Prometheus remote write.
    Prometheus "prometheus";
    /// Tables for people.
    Text "text";
}

/// Ends of paths, and the form that servers expect there; none where they expect JSON of another form than this agent's.
const PATHS: [(&str, Option<Format>); 10] = [
    ("/v1/metrics", Some(Format::Otlp)),
    ("/api/v1/write", Some(Format::Prometheus)),
    ("/api/v1/push", Some(Format::Prometheus)),
    ("/api/v1/receive", Some(Format::Prometheus)),
    ("/api/prom/push", Some(Format::Prometheus)),
    ("/prom/write", Some(Format::Prometheus)),
    ("/v1/prometheus/write", Some(Format::Prometheus)),
    ("/api/v3/write_lp", Some(Format::Influx)),
    ("/write", Some(Format::Influx)),
    ("/api/v1/import", None),
];

impl Format {
    /// Returns the form for a receiver whose form is not given: that of its URL's path, or JSON.
    pub(super) fn of(receiver: &Transfer) -> Self {
        match receiver {
            Transfer::Http { url, .. } => Self::at_path(path(url)).unwrap_or(Self::Json),
            _ => Self::Json,
        }
    }

    /// Returns the form that servers expect at a path: JSON at an unknown one, none if it is JSON of another form.
    pub fn at_path(path: &[u8]) -> Option<Self> {
        let known = PATHS.iter().find(|(end, _)| path.ends_with(end.as_bytes()));
        known.map_or(Some(Self::Json), |(_, format)| *format)
    }

    /// Whether a receiver takes this form.
    pub(crate) fn fits(self, receiver: &Transfer) -> bool {
        match self {
            Self::Json | Self::JsonLabels | Self::Influx | Self::Text => true,
            Self::Otlp | Self::Prometheus => matches!(receiver, Transfer::Http { .. }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_of_a_url_tells_the_form() {
        let of = |url: &str| {
            let receiver = Transfer::Http {
                host: b"h",
                port: 80,
                is_tls: false,
                url: url.as_bytes(),
            };
            Format::of(&receiver).name()
        };
        for (url, form) in [
            ("h:8428/write", "influx"),
            ("h:8428/write?db=a", "influx"),
            ("h/api/v2/write?org=a&bucket=b", "influx"),
            ("h/api/v3/write_lp?db=a", "influx"),
            ("h/v1/influxdb/api/v2/write", "influx"),
            ("h:4318/v1/metrics", "otlp"),
            ("h/opentelemetry/v1/metrics", "otlp"),
            ("h:9090/api/v1/write", "prometheus"),
            ("h/api/v1/push", "prometheus"),
            ("h:19291/api/v1/receive", "prometheus"),
            ("u:p@h/api/prom/push", "prometheus"),
            ("h/api/v1/prom/write?db=a", "prometheus"),
            ("h/v1/prometheus/write", "prometheus"),
            ("h:8123/?query=INSERT%20INTO%20mm%20FORMAT%20JSONEachRow", "json"),
            ("h", "json"),
        ] {
            assert_eq!(of(url), form, "{url}");
        }
    }
}
