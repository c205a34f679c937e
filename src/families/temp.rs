//! Temperatures and fans.

use super::metrics::metrics;
use super::{Context, FamilyEmitter, FamilyValues};
use crate::procfs::{ReadError, Take};

metrics! {
    TEMPERATURE Gauge "temp.celsius" "celsius" "temperature of a thermal zone or of a chip's sensor (sensor=)";
    FAN         Gauge "fan.rpm"      "rpm"     "speed of a fan (sensor=)";
}

pub(super) fn collect(cx: &mut Context) -> Result<(), ReadError> {
    cx.host.sensors(&mut Sensors(&mut cx.emitter))
}

struct Sensors<'s, 'e>(&'s mut FamilyEmitter<'e>);

impl Take for Sensors<'_, '_> {
    fn wants(&self, name: &[u8]) -> bool {
        self.0.wants(name)
    }

    fn take(&mut self, name: &[u8], values: &FamilyValues) {
        for id in [TEMPERATURE, FAN] {
            if let Some(value) = values.get(id) {
                self.0.emit_one(&[(b"sensor=", name)], id, value);
            }
        }
    }
}
