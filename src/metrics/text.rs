//! Sample lines, alike in both dialects, and what stands around them. Which series there are is `catalogue`'s business.

use std::fmt::Write as _;
use std::ops::Range;

use prometheus::proto::{LabelPair, Metric};

use crate::model::Timestamp;

use super::catalogue::{CONNECTION, Kind, Series};

/// The two texts that Prometheus reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Prometheus' text format 0.0.4, which most ask for.
    Classic,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

/// Sample lines of some families, a chunk each.
#[derive(Clone, Debug, Default)]
pub(super) struct Chunks {
    text: String,
    families: Vec<Chunk>,
}

#[derive(Clone, Debug)]
struct Chunk {
    name: &'static str,
    lines: Range<usize>,
    samples: u64,
}

/// The family that is being written.
pub(super) struct Family<'a> {
    series: &'a Series,
    text: &'a mut String,
    chunk: &'a mut Chunk,
}

/// A sample's value, spelt as an integer where it is one.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value {
    Whole(u64),
    Real(f64),
}

impl Dialect {
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Classic => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// The two lines that stand before a family's samples.
    pub(super) fn write_head(self, text: &mut String, series: &Series) {
        let name = match (self, series.kind) {
            // There, a counter's family has the bare name and only its samples end in `_total`.
            (Self::OpenMetrics, Kind::Counter) => series.name.strip_suffix("_total").unwrap_or(series.name),
            (Self::OpenMetrics, Kind::Gauge | Kind::Histogram) | (Self::Classic, _) => series.name,
        };
        text.extend(["# HELP ", name, " "]);
        self.write_help(text, series.help);
        text.extend(["\n# TYPE ", name, " ", series.kind.as_str(), "\n"]);
    }

    pub(super) fn write_end(self, text: &mut String) {
        match self {
            Self::Classic => {}
            Self::OpenMetrics => text.push_str("# EOF\n"),
        }
    }

    fn write_help(self, text: &mut String, help: &str) {
        match self {
            Self::Classic => escape(text, help, &[(b'\\', "\\\\"), (b'\n', "\\n")]),
            Self::OpenMetrics => escape(text, help, LABEL_ESCAPES),
        }
    }
}

impl Chunks {
    /// Begins a family. A family without a sample leaves no trace.
    pub(super) fn family<'a>(&'a mut self, series: &'a Series) -> Family<'a> {
        self.families.retain(|chunk| chunk.samples > 0);
        let end = self.text.len();
        let chunk = self.families.push_mut(Chunk { name: series.name, lines: end..end, samples: 0 });
        Family { series, text: &mut self.text, chunk }
    }

    /// Writes what the `prometheus` package has counted, under the connection whose it is.
    pub(super) fn collect(&mut self, series: &Series, connection: Option<&str>, metrics: &[Metric]) {
        let mut family = self.family(series);
        let mut metrics: Vec<&Metric> = metrics.iter().collect();
        // They come in the order of a hash map; a reader wants to find them where they were.
        metrics.sort_by(|one, other| values(one).cmp(values(other)));
        for metric in metrics {
            family.push_metric(connection, metric);
        }
    }

    /// The family's lines, where it has any.
    pub(super) fn lines_of(&self, series: &Series) -> Option<&str> {
        let chunk = self.families.iter().find(|chunk| chunk.name == series.name && chunk.samples > 0)?;
        Some(&self.text[chunk.lines.clone()])
    }

    pub(super) fn samples(&self) -> u64 {
        self.families.iter().map(|chunk| chunk.samples).sum()
    }

    pub(super) fn len(&self) -> usize {
        self.text.len()
    }
}

impl Family<'_> {
    /// Writes one sample; the values stand in the order of the series' labels.
    pub(super) fn push(&mut self, values: &[&str], value: impl Into<Value>) {
        debug_assert_eq!(values.len(), self.series.labels.len(), "{}", self.series.name);
        self.push_line("", self.series.labels.iter().copied().zip(values.iter().copied()), None, value.into());
    }

    /// Writes one sample where there is a value to show.
    pub(super) fn push_known(&mut self, values: &[&str], value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.push(values, value);
        }
    }

    fn push_metric(&mut self, connection: Option<&str>, metric: &Metric) {
        let own = metric.get_label().iter().map(|pair| (pair.name(), pair.value()));
        let labels = connection.map(|name| (CONNECTION, name)).into_iter().chain(own);
        match self.series.kind {
            Kind::Counter => self.push_line("", labels, None, Value::Real(metric.get_counter().get_value())),
            Kind::Gauge => self.push_line("", labels, None, Value::Real(metric.get_gauge().get_value())),
            Kind::Histogram => {
                let histogram = metric.get_histogram();
                let counted = histogram.get_sample_count();
                for bucket in histogram.get_bucket() {
                    // `1.0`, not `1`: OpenMetrics wants it so, and a bucket must have one name in both dialects.
                    let bound = format!("{:?}", bucket.upper_bound());
                    let value = Value::Whole(bucket.cumulative_count());
                    self.push_line("_bucket", labels.clone(), Some(&bound), value);
                }
                self.push_line("_bucket", labels.clone(), Some("+Inf"), Value::Whole(counted));
                self.push_line("_sum", labels.clone(), None, Value::Real(histogram.get_sample_sum()));
                self.push_line("_count", labels, None, Value::Whole(counted));
            }
        }
    }

    fn push_line<'l>(
        &mut self,
        suffix: &str,
        labels: impl Iterator<Item = (&'l str, &'l str)>,
        bucket_bound: Option<&str>,
        value: Value,
    ) {
        self.text.extend([self.series.name, suffix]);
        let mut before = "{";
        for (name, value) in labels {
            self.text.extend([before, name, "=\""]);
            escape(self.text, value, LABEL_ESCAPES);
            self.text.push('"');
            before = ",";
        }
        if let Some(bound) = bucket_bound {
            self.text.extend([before, "le=\"", bound, "\""]);
            before = ",";
        }
        self.text.push_str(if before == "{" { " " } else { "} " });
        value.write(self.text);
        self.text.push('\n');
        self.chunk.lines.end = self.text.len();
        self.chunk.samples += 1;
    }
}

fn values(metric: &Metric) -> impl Iterator<Item = &str> {
    metric.get_label().iter().map(LabelPair::value)
}

impl Value {
    fn write(self, text: &mut String) {
        match self {
            Self::Whole(whole) => text.push_str(itoa::Buffer::new().format(whole)),
            Self::Real(real) if real == f64::INFINITY => text.push_str("+Inf"),
            Self::Real(real) if real == f64::NEG_INFINITY => text.push_str("-Inf"),
            // The shortest digits that read back as this number, without an exponent, and `NaN`.
            Self::Real(real) => write!(text, "{real}").expect("writing to a string does not fail"),
        }
    }
}

impl From<u64> for Value {
    fn from(whole: u64) -> Self {
        Self::Whole(whole)
    }
}

impl From<bool> for Value {
    fn from(holds: bool) -> Self {
        Self::Whole(u64::from(holds))
    }
}

impl From<f64> for Value {
    fn from(real: f64) -> Self {
        Self::Real(real)
    }
}

impl From<Timestamp> for Value {
    fn from(moment: Timestamp) -> Self {
        Self::Real(moment.as_seconds())
    }
}

/// Which bytes of a label's value are spelt otherwise, in both dialects.
const LABEL_ESCAPES: &[(u8, &str)] = &[(b'\\', "\\\\"), (b'"', "\\\""), (b'\n', "\\n")];

fn escape(text: &mut String, raw: &str, escapes: &[(u8, &str)]) {
    let mut written = 0;
    for (index, byte) in raw.bytes().enumerate() {
        if let Some((_, spelt)) = escapes.iter().find(|(escaped, _)| *escaped == byte) {
            // Only ASCII is escaped, so that the cut never falls into a character.
            text.extend([&raw[written..index], spelt]);
            written = index + 1;
        }
    }
    text.push_str(&raw[written..]);
}
