//! Temperatures and fans: thermal zones by their type, then the sensors of the chips as `chip/label`.

use super::FamilyContext;
use super::metrics::metrics;
use crate::base::text::{Text, hash};
use crate::procfs::sensors::{Class, Device, SensorKind};
use crate::procfs::{ReadError, Subject};

/// Longest name of a sensor: two attributes, and the kernel's name.
const NAME_MAX: usize = 256;
/// Sensors that have samples; of more, the first ones.
const SENSORS_MAX: usize = 256;

metrics! {
    TEMPERATURE Gauge "temp.celsius" "celsius" "temperature of a thermal zone or of a chip's sensor (sensor=)";
    FAN         Gauge "fan.rpm"      "rpm"     "speed of a fan (sensor=)";
}

/// Collects the sensors that the user wants. Of sensors with one name, all but the first have the kernel's name
/// appended.
pub(super) fn collect(cx: &mut FamilyContext) -> Result<(), ReadError> {
    let mut names = UsedNames {
        hashes: [0; SENSORS_MAX],
        count: 0,
    };
    let mut is_complete = true;
    for class in [Class::ThermalZone, Class::Chip] {
        let mut devices = cx.host.devices(class);
        while let Some(device) = devices.next_device() {
            is_complete &= collect_device(cx, &device, &mut names);
        }
        is_complete &= !devices.is_over;
    }
    if !is_complete {
        return Err(ReadError::too_many(
            Subject::Sensors,
            "more than 256 sensors, or a number above 255",
        ));
    }
    Ok(())
}

/// Hashes of the names that sensors have samples by.
struct UsedNames {
    hashes: [u32; SENSORS_MAX],
    count: usize,
}

impl UsedNames {
    fn contains(&self, name: &[u8]) -> bool {
        let hash = hash(name);
        self.hashes.iter().take(self.count).any(|other| *other == hash)
    }

    /// Adds a name. Returns false if there are too many.
    fn add(&mut self, name: &[u8]) -> bool {
        let Some(slot) = self.hashes.get_mut(self.count) else {
            return false;
        };
        *slot = hash(name);
        self.count += 1;
        true
    }
}

/// Collects the sensors of a device. Returns false if there are too many.
fn collect_device(cx: &mut FamilyContext, device: &Device, names: &mut UsedNames) -> bool {
    for sensor in device.sensors() {
        let mut buffer = [0; NAME_MAX];
        let mut name = Text::new(&mut buffer);
        sensor.put_name(&mut name);
        if names.contains(name.bytes()) {
            name.put(b" ");
            sensor.put_kernel_name(&mut name);
        }
        let name = name.bytes();
        if !cx.emitter.wants(name) {
            continue;
        }
        if !names.add(name) {
            return false;
        }
        let id = match sensor.kind {
            SensorKind::Temperature => TEMPERATURE,
            SensorKind::Fan => FAN,
        };
        if let Some(value) = sensor.read() {
            cx.emitter.emit_one(&[(b"sensor=", name)], id, value);
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use crate::base::decimal::Fixed;
    use crate::base::glob::Filter;
    use crate::families::tests::{Machine, Samples};
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn sensors_have_unique_names_in_all_places_where_kernels_keep_them() {
        let mut machine = Machine::new("sensors");
        let root = machine.root.clone();
        for (file, text) in [
            ("class/thermal/thermal_zone0/type", "acpitz\n"),
            ("class/thermal/thermal_zone0/temp", "45500\n"),
            ("class/thermal/thermal_zone10/type", "acpitz\n"),
            ("class/thermal/thermal_zone10/temp", "-5250\n"),
            ("class/thermal/thermal_zone2/type", "unwanted\n"),
            ("class/thermal/thermal_zone2/temp", "1\n"),
            ("class/thermal/thermal_zone3/type", "broken\n"),
            ("class/thermal/thermal_zone3/temp", "hot\n"),
            ("class/thermal/cooling_device0/type", "fan\n"),
            ("class/hwmon/hwmon1/name", "chip\n"),
            ("class/hwmon/hwmon1/temp2_input", "1000\n"),
            ("class/hwmon/hwmon1/temp2_label", "Core 0\n"),
            ("class/hwmon/hwmon1/temp1_input", "2000\n"),
            ("class/hwmon/hwmon1/fan1_input", "1200\n"),
            ("class/hwmon/hwmon3/device/name", "old\n"),
            ("class/hwmon/hwmon3/device/temp1_input", "3000\n"),
            ("devices/thermal/thermal_zone0/hwmon2/name", "acpitz\n"),
            ("devices/thermal/thermal_zone0/hwmon2/temp1_input", "45500\n"),
        ] {
            machine.write(file, text);
        }
        symlink(
            "../../devices/thermal/thermal_zone0/hwmon2",
            root.join("class/hwmon/hwmon2"),
        )
        .unwrap();
        // Each device of a class is a link.
        fs::rename(
            root.join("class/thermal/thermal_zone10"),
            root.join("devices/thermal/thermal_zone10"),
        )
        .unwrap();
        symlink(
            "../../devices/thermal/thermal_zone10",
            root.join("class/thermal/thermal_zone10"),
        )
        .unwrap();
        let degrees = |sensor, millis| ("temp.celsius", sensor, Fixed::signed(millis, 3));
        let expected = [
            degrees("acpitz", 45_500),
            degrees("acpitz thermal_zone10", -5_250),
            degrees("chip/temp1", 2_000),
            degrees("chip/Core 0", 1_000),
            ("fan.rpm", "chip/fan1", Fixed::whole(1200)),
            degrees("old/temp1", 3_000),
        ];
        let filter = Filter {
            only: None,
            ignore: b"unwanted",
        };
        let mut samples = Samples::default();
        machine.collect_filtered("temp", 0, filter, &mut samples).unwrap();
        let expected = expected.map(|(metric, sensor, value)| (metric, format!("sensor={sensor}"), value));
        assert_eq!(samples.0, expected);
    }
}
