//! Temperatures and fans: thermal zones by their type, then the sensors of the chips as `chip/label`.

use super::metrics::metrics;
use super::{FamilyContext, FamilyValues};
use crate::base::text::{Text, hash};
use crate::procfs::sensors::{SensorKind, Sensors};
use crate::procfs::{Limit, ReadError, ReadErrorKind, Subject, monotonic_millis};

/// Longest name of a sensor: two attributes, and the kernel's name.
const NAME_MAX: usize = 256;
/// Sensors that have samples; of more, the first ones.
const SENSORS_MAX: usize = 256;

metrics! {
    TEMPERATURE Gauge "temp.celsius" "celsius" "temperature of a thermal zone or of a chip's sensor (sensor=, device=)";
    FAN         Gauge "fan.rpm"      "rpm"     "speed of a fan (sensor=, device=)";
}

/// Milliseconds after which a step ends, and the pass goes on at the next one: a sensor on a 1-wire bus takes 0.8 s, in which
/// nothing else runs.
const STEP_MAX: u64 = 20;

/// A pass over all sensors, which takes several steps where some are slow.
pub(super) struct Pass {
    /// Hashes of the names and addresses that sensors of this pass have samples by.
    names: [u32; SENSORS_MAX],
    count: usize,
    /// Whether this pass, or the last one, has left out a sensor.
    are_too_many: bool,
}

impl Pass {
    pub(super) const NONE: Self = Self {
        names: [0; SENSORS_MAX],
        count: 0,
        are_too_many: false,
    };

    /// Begins at the first sensor again.
    pub(super) fn restart(&mut self) {
        self.count = 0;
    }
}

/// Continues the pass over the sensors, or begins one.
pub(super) fn collect(cx: &mut FamilyContext) -> Result<(), ReadError> {
    collect_step(cx, STEP_MAX)
}

/// Collects the sensors that the user wants until the step has taken this many milliseconds.
///
/// Sensors of one kind may have one name. If their devices have no address, all but the first get the kernel's name of the
/// device in place of an address; if their devices share an address, all but the first get the kernel's name of the sensor
/// appended.
fn collect_step(cx: &mut FamilyContext, millis_max: u64) -> Result<(), ReadError> {
    let pass = &mut cx.collector.memory.sensors;
    let sensors = &mut cx.host.sensors;
    let start = monotonic_millis();
    while let Some(kind) = sensors.next_sensor(cx.host.sys.as_ref()) {
        let mut buffer = [0; NAME_MAX];
        let mut name = Text::new(&mut buffer);
        sensors.put_name(&mut name);
        let mut address = sensors.address();
        let key = |name: &[u8], address: &[u8]| hash(name).rotate_left(1) ^ hash(address) ^ kind as u32;
        let used = pass.names.get(..pass.count).unwrap_or_default();
        if used.contains(&key(name.bytes(), address)) && address.is_empty() {
            address = sensors.kernel_name();
        }
        if used.contains(&key(name.bytes(), address)) {
            name.put(b" ");
            name.put(sensors.attribute());
        }
        if !cx.emitter.wants(name.bytes()) {
            continue;
        }
        let Some(slot) = pass.names.get_mut(pass.count) else {
            sensors.is_over = true;
            break;
        };
        *slot = key(name.bytes(), address);
        pass.count += 1;
        let id = match kind {
            SensorKind::Temperature => TEMPERATURE,
            SensorKind::Fan => FAN,
        };
        let mut values = FamilyValues::NONE;
        values.set(id, sensors.read());
        let instance = [name.bytes(), address];
        let count = if address.is_empty() { 1 } else { 2 };
        cx.emitter.emit(&instance[..count], &values);
        if monotonic_millis() - start >= millis_max {
            cx.is_unfinished = true;
            return too_many(pass.are_too_many || sensors.is_over);
        }
    }
    pass.are_too_many = sensors.is_over;
    pass.restart();
    *sensors = Sensors::new();
    too_many(pass.are_too_many)
}

fn too_many(are_too_many: bool) -> Result<(), ReadError> {
    if are_too_many {
        let kind = ReadErrorKind::TooMany(Limit::Sensors);
        return Err(ReadError::new(Subject::Sensors, kind));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::collect_step;
    use crate::base::decimal::Fixed;
    use crate::base::glob::Filter;
    use crate::families::tests::{Collected, Machine};
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
            ("class/hwmon/hwmon1/temp3_input", "1500\n"),
            ("class/hwmon/hwmon1/temp3_label", "Core 0\n"),
            ("class/hwmon/hwmon1/temp4_input", "4000\n"),
            ("class/hwmon/hwmon1/temp4_fault", "1\n"),
            ("class/hwmon/hwmon1/fan1_input", "1200\n"),
            ("class/hwmon/hwmon1/fan1_fault", "0\n"),
            (
                "devices/pci0000:00/0000:02:00.0/ieee80211/phy0/hwmon4/name",
                "wifi\n",
            ),
            (
                "devices/pci0000:00/0000:02:00.0/ieee80211/phy0/hwmon4/temp1_input",
                "4000\n",
            ),
            ("class/hwmon/hwmon5/name", "laptop\n"),
            ("class/hwmon/hwmon5/temp1_input", "5000\n"),
            ("class/hwmon/hwmon5/temp1_label", "CPU\n"),
            ("class/hwmon/hwmon5/fan1_input", "900\n"),
            ("class/hwmon/hwmon5/fan1_label", "CPU\n"),
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
        symlink(
            "../../../devices/pci0000:00/0000:01:00.0/nvme/nvme1",
            root.join("class/hwmon/hwmon1/device"),
        )
        .unwrap();
        let phy = "../../devices/pci0000:00/0000:02:00.0/ieee80211/phy0/hwmon4";
        symlink(phy, root.join("class/hwmon/hwmon4")).unwrap();
        symlink("../../phy0", root.join("class/hwmon/hwmon4/device")).unwrap();
        symlink("../../../laptop_hwmon", root.join("class/hwmon/hwmon5/device")).unwrap();
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
            degrees("acpitz device=thermal_zone10", -5_250),
            degrees("chip/temp1 device=0000:01:00.0", 2_000),
            degrees("chip/Core 0 temp2 device=0000:01:00.0", 1_000),
            degrees("chip/Core 0 temp3 device=0000:01:00.0", 1_500),
            ("fan.rpm", "chip/fan1 device=0000:01:00.0", Fixed::whole(1200)),
            degrees("old/temp1", 3_000),
            degrees("wifi/temp1 device=0000:02:00.0", 4_000),
            degrees("laptop/CPU device=laptop_hwmon", 5_000),
            ("fan.rpm", "laptop/CPU device=laptop_hwmon", Fixed::whole(900)),
        ];
        let filter = Filter {
            only: None,
            ignore: b"unwanted",
        };
        let mut samples = Collected::default();
        machine.collect_filtered("temp", 0, filter, &mut samples).unwrap();
        let expected = expected.map(|(metric, sensor, value)| (metric, format!("sensor={sensor}"), value));
        assert_eq!(samples.0, expected);
    }

    #[test]
    fn repeated_label_has_its_channel_whichever_other_sensors_are_there() {
        let mut machine = Machine::new("labels");
        for (channel, label) in [("temp1", "Core 0"), ("temp2", "Core 1"), ("temp3", "Core 0")] {
            machine.write(&format!("class/hwmon/hwmon0/{channel}_input"), "1000\n");
            machine.write(&format!("class/hwmon/hwmon0/{channel}_label"), label);
        }
        machine.write("class/hwmon/hwmon0/name", "chip\n");
        let names = |machine: &mut Machine, only| {
            let filter = Filter { only, ignore: b"" };
            let mut samples = Collected::default();
            machine.collect_filtered("temp", 0, filter, &mut samples).unwrap();
            samples.0.into_iter().map(|(_, tags, _)| tags).collect::<Vec<_>>()
        };
        let [first, second, third] =
            ["chip/Core 0 temp1", "chip/Core 1", "chip/Core 0 temp3"].map(|name| format!("sensor={name}"));
        assert_eq!(names(&mut machine, None), [&*first, &second, &third]);
        assert_eq!(names(&mut machine, Some(b"chip/Core 0 temp3")), [&*third]);
        fs::remove_file(machine.root.join("class/hwmon/hwmon0/temp1_input")).unwrap();
        assert_eq!(names(&mut machine, None), [&*second, &third]);
    }

    #[test]
    fn slow_sensors_are_read_one_a_step() {
        let mut machine = Machine::new("slow-sensors");
        for number in 0..3 {
            machine.write(&format!("class/thermal/thermal_zone{number}/type"), "cpu\n");
            machine.write(&format!("class/thermal/thermal_zone{number}/temp"), "1000\n");
        }
        for _ in 0..2 {
            let mut counts = Vec::new();
            loop {
                let mut samples = Collected::default();
                let is_unfinished = machine.collect_by("temp", &mut samples, |cx| collect_step(cx, 0));
                counts.push(samples.0.len());
                if !is_unfinished.unwrap() {
                    break;
                }
            }
            assert_eq!(counts, [1, 1, 1, 0]);
        }
    }
}
