//! `/sys/class/thermal` and `/sys/class/hwmon` (`Documentation/ABI/testing/sysfs-class-thermal`,
//! `sysfs-class-hwmon`). Their files vanish with their devices, so they are looked for in each turn.

use super::sysfs::{ROOM, Room, attribute, take_number};
use super::{Host, Subject};
use crate::base::bit_set::BitSet;
use crate::base::decimal::Fixed;
use crate::base::text::{Text, hash};
use crate::platform::{Directory, Entries};
use crate::procfs::{Fault, Flaw, Take, Values};

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
            return Err(Fault::too_many(Subject::Sensors, Flaw::Sensors));
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

/// A thermal zone or a chip: where its files are, what it is called, and the kernel's name for it.
struct Device<'d> {
    folder: &'d Directory,
    name: &'d [u8],
    kernel_name: &'d [u8],
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
        let mut numbers = BitSet::EMPTY;
        let mut entries = Entries::new(class);
        while let Ok(Some(name)) = entries.next_name() {
            self.is_over |= !take_number(&mut numbers, name, prefix, b"");
        }
        let class = entries.into_directory();
        for number in numbers.iter() {
            let mut buffer = [0; 32];
            let name = numbered(&mut buffer, prefix, number);
            if let Ok(device) = class.open_directory(name) {
                look(self, &class, &device, name);
            }
        }
    }

    fn zone(&mut self, _: &Directory, device: &Directory, kernel_name: &[u8]) {
        let mut room = ROOM;
        let name = named(device, &[b"type"], &mut room).unwrap_or(kernel_name);
        let device = Device {
            folder: device,
            name,
            kernel_name,
        };
        self.tell(&device, TEMPERATURE, b"", b"");
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
        let Some(name) = attribute(folder, &[b"name"], &mut room) else {
            return false;
        };
        let chip = Device {
            folder,
            name,
            kernel_name,
        };
        let mut numbers = [BitSet::EMPTY; KINDS.len()];
        if let Ok(folder) = folder.open_directory(b".") {
            let mut entries = Entries::new(folder);
            while let Ok(Some(name)) = entries.next_name() {
                for (prefix, numbers) in KINDS.iter().zip(&mut numbers) {
                    self.is_over |= !take_number(numbers, name, prefix, b"_input");
                }
            }
        }
        for (metric, (prefix, numbers)) in KINDS.iter().zip(&numbers).enumerate() {
            for number in numbers.iter() {
                let (mut buffer, mut room) = ([0; 32], ROOM);
                let sensor = numbered(&mut buffer, prefix, number);
                let label = named(folder, &[sensor, b"_label"], &mut room).unwrap_or(sensor);
                self.tell(&chip, metric, sensor, label);
            }
        }
        true
    }

    /// Reads a sensor of the device if it is wanted: its file's name and its label, both empty where there is
    /// one only. The kernel's name follows where another one has its name.
    #[inline(never)]
    fn tell(&mut self, device: &Device, metric: usize, sensor: &[u8], label: &[u8]) {
        let mut buffer = [0; SENSOR_NAME_MAX];
        let mut text = Text::new(&mut buffer);
        put_name(&mut text, device.name, label);
        let told = self.told.get(..self.count).unwrap_or_default();
        if told.contains(&hash(text.bytes())) {
            text.put(b" ");
            put_name(&mut text, device.kernel_name, sensor);
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
        let file: [&[u8]; 2] = if sensor.is_empty() {
            [b"temp", b""]
        } else {
            [sensor, b"_input"]
        };
        let text = attribute(device.folder, &file, &mut room);
        let mut values = Values::default();
        values.set(metric, text.and_then(|text| reading(metric, text)));
        self.take.take(name, &values);
    }
}

/// `device/sensor`, or `device` where there is one only.
#[inline(never)]
fn put_name(text: &mut Text, device: &[u8], sensor: &[u8]) {
    text.put(device);
    if !sensor.is_empty() {
        text.put(b"/");
        text.put(sensor);
    }
}

/// What the attribute holds, if that is anything.
#[inline(never)]
fn named<'b>(folder: &Directory, path: &[&[u8]], room: &'b mut Room) -> Option<&'b [u8]> {
    attribute(folder, path, room).filter(|name| !name.is_empty())
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
        let memory = Box::leak(Box::new(crate::procfs::Memory::EMPTY));
        let mut host = Host::open(b"/proc", root.to_str().unwrap().as_bytes(), memory).unwrap();
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
