//! `/sys/class/thermal` and `/sys/class/hwmon` (`Documentation/ABI/testing/sysfs-class-thermal`,
//! `sysfs-class-hwmon`). Their files vanish with their devices, so they are looked for in each turn.

use super::sysfs::{ROOM, attribute, put_all, take_number};
use super::{Host, Source};
use crate::host::{Fault, Flaw, Numbers, Take, Values};
use crate::num::Fixed;
use crate::sys::Directory;
use crate::text::{Text, hash};

/// Longest name of a sensor: two attributes, and the kernel's name.
const SENSOR_NAME_MAX: usize = 256;
/// Sensors; of more, the first ones.
const SENSORS_MAX: usize = 256;

/// What the files of the metrics' sensors are called: degrees Celsius, turns a minute.
const KINDS: [&[u8]; 2] = [b"temp", b"fan"];
const TEMPERATURE: usize = 0;

impl Host {
    /// Hands over what each sensor says that is wanted and can be read: thermal zones by their type,
    /// then those of the chips as `chip/label`. Where several have one name, the further ones have the
    /// kernel's name of their device behind it.
    pub fn sensors(&mut self, take: &mut dyn Take) -> Result<(), Fault> {
        let Some(sys) = &self.sys else { return Ok(()) };
        let mut round = Round {
            take,
            told: [0; SENSORS_MAX],
            count: 0,
            is_over: false,
        };
        round.devices(sys, b"class/thermal", b"thermal_zone", Round::zone);
        round.devices(sys, b"class/hwmon", b"hwmon", Round::chip);
        if round.is_over {
            return Err(Flaw::Sensors.of(Source::Sensors));
        }
        Ok(())
    }
}

/// One look at all sensors.
struct Round<'r, 't> {
    take: &'r mut (dyn Take + 't),
    /// Hashes of the names that have been told.
    told: [u32; SENSORS_MAX],
    count: usize,
    is_over: bool,
}

/// Where a sensor is, and what it is called: the parts of its name, of the kernel's name for it, and of its
/// file's.
struct Sensor<'s> {
    folder: &'s Directory,
    /// The number of its metric.
    metric: usize,
    name: [&'s [u8]; 3],
    kernel_name: [&'s [u8]; 3],
    file: [&'s [u8]; 2],
}

impl Round<'_, '_> {
    /// Looks at each device of a class: the class, the device's own folder, and its name there.
    #[inline(never)]
    fn devices(
        &mut self,
        sys: &Directory,
        class: &[u8],
        prefix: &[u8],
        look: fn(&mut Self, &Directory, &Directory, &[u8]),
    ) {
        let Ok(class) = sys.open_directory(class) else {
            return;
        };
        let mut numbers = Numbers::NONE;
        let _ = class.names(&mut |name| self.is_over |= !take_number(&mut numbers, name, prefix, b""));
        let mut next = 0;
        while let Some(number) = numbers.from(next) {
            next = number + 1;
            let mut buffer = [0; 32];
            let name = numbered(&mut buffer, prefix, number);
            if let Ok(device) = class.open_directory(name) {
                look(self, &class, &device, name);
            }
        }
    }

    fn zone(&mut self, _: &Directory, device: &Directory, kernel_name: &[u8]) {
        let mut room = ROOM;
        let kind = attribute(device, &[b"type"], &mut room).filter(|kind| !kind.is_empty());
        let name = kind.unwrap_or(kernel_name);
        self.tell(&Sensor {
            folder: device,
            metric: TEMPERATURE,
            name: [name, b"", b""],
            kernel_name: [kernel_name, b"", b""],
            file: [b"temp", b""],
        });
    }

    fn chip(&mut self, class: &Directory, device: &Directory, kernel_name: &[u8]) {
        // A zone makes a chip of itself: it has been looked at.
        if class.link(kernel_name, &mut [0; 256]).is_ok_and(is_in_zone) {
            return;
        }
        // Old kernels have the attributes in the folder of the chip's device.
        if !self.is_chip_in(device, kernel_name)
            && let Ok(device) = device.open_directory(b"device")
        {
            self.is_chip_in(&device, kernel_name);
        }
    }

    /// Looks at the chip in this folder, if there is one.
    #[inline(never)]
    fn is_chip_in(&mut self, folder: &Directory, kernel_name: &[u8]) -> bool {
        let mut room = ROOM;
        let Some(chip) = attribute(folder, &[b"name"], &mut room) else {
            return false;
        };
        let mut numbers = [Numbers::NONE; KINDS.len()];
        let _ = folder.names(&mut |name| {
            for (prefix, numbers) in KINDS.iter().zip(&mut numbers) {
                self.is_over |= !take_number(numbers, name, prefix, b"_input");
            }
        });
        for (metric, (prefix, numbers)) in KINDS.iter().zip(&numbers).enumerate() {
            let mut next = 0;
            while let Some(number) = numbers.from(next) {
                next = number + 1;
                let (mut buffer, mut room) = ([0; 32], ROOM);
                let sensor = numbered(&mut buffer, prefix, number);
                let label =
                    attribute(folder, &[sensor, b"_label"], &mut room).filter(|label| !label.is_empty());
                self.tell(&Sensor {
                    folder,
                    metric,
                    name: [chip, b"/", label.unwrap_or(sensor)],
                    kernel_name: [kernel_name, b"/", sensor],
                    file: [sensor, b"_input"],
                });
            }
        }
        true
    }

    /// Reads a sensor if it is wanted. The kernel's name follows where another one has its name.
    #[inline(never)]
    fn tell(&mut self, sensor: &Sensor) {
        let mut buffer = [0; SENSOR_NAME_MAX];
        let mut text = Text::new(&mut buffer);
        put_all(&mut text, &sensor.name);
        let told = self.told.get(..self.count).unwrap_or_default();
        if told.contains(&hash(text.bytes())) {
            text.put(b" ");
            put_all(&mut text, &sensor.kernel_name);
        }
        let name = text.into_bytes();
        if !self.take.wants(name) {
            return;
        }
        let Some(place) = self.told.get_mut(self.count) else {
            self.is_over = true;
            return;
        };
        *place = hash(name);
        self.count += 1;
        let mut room = ROOM;
        let text = attribute(sensor.folder, &sensor.file, &mut room);
        let mut values = Values::default();
        values.set(sensor.metric, text.and_then(|text| reading(sensor.metric, text)));
        self.take.take(name, &values);
    }
}

/// Whether a device is one that a thermal zone has made of itself: it has been looked at.
fn is_in_zone(target: &[u8]) -> bool {
    let zone = b"/thermal_zone";
    target.windows(zone.len()).any(|part| part == zone)
}

fn numbered<'b>(buffer: &'b mut [u8; 32], prefix: &[u8], number: usize) -> &'b [u8] {
    let mut text = Text::new(buffer);
    text.put(prefix);
    text.number(number as u64);
    text.into_bytes()
}

/// Thousandths of a degree, or turns a minute: the kernel has a 32-bit number of either.
fn reading(metric: usize, text: &[u8]) -> Option<Fixed> {
    let value = Fixed::parse(text).filter(|value| value.is_whole() && value.parts().0 >> 31 == 0)?;
    if metric == TEMPERATURE {
        value.shifted(3)
    } else {
        Some(value).filter(|value| !value.is_negative())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    fn put(root: &Path, files: &[(&str, &str)]) {
        for (file, text) in files {
            fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
            fs::write(root.join(file), text).unwrap();
        }
    }

    impl Take for Vec<String> {
        fn wants(&self, name: &[u8]) -> bool {
            name != b"unwanted"
        }

        fn take(&mut self, name: &[u8], values: &Values) {
            for metric in 0..KINDS.len() {
                if let Some(reading) = values.get(metric) {
                    self.push(format!("{} {metric} {reading:?}", String::from_utf8_lossy(name)));
                }
            }
        }
    }

    fn readings(root: &Path) -> Vec<String> {
        let mut host = Host::open(b"/proc", root.to_str().unwrap().as_bytes()).unwrap();
        let mut found = Vec::<String>::new();
        host.sensors(&mut found).unwrap();
        found
    }

    fn degrees(millis: i64) -> String {
        format!("0 {:?}", Fixed::signed(millis, 3))
    }

    #[test]
    fn names_are_one_for_each_sensor_wherever_the_kernel_keeps_it() {
        let root = std::env::temp_dir().join(format!("mini-monitor-sensors-{}", std::process::id()));
        put(
            &root,
            &[
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
            ],
        );
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
        let expected = [
            format!("acpitz {}", degrees(45_500)),
            format!("acpitz thermal_zone10 {}", degrees(-5_250)),
            format!("chip/temp1 {}", degrees(2_000)),
            format!("chip/Core 0 {}", degrees(1_000)),
            format!("chip/fan1 1 {:?}", Fixed::whole(1200)),
            format!("old/temp1 {}", degrees(3_000)),
        ];
        assert_eq!(readings(&root), expected);
        fs::remove_dir_all(&root).unwrap();
    }
}
