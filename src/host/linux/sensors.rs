//! `/sys/class/thermal` and `/sys/class/hwmon` (`Documentation/ABI/testing/sysfs-class-thermal`,
//! `sysfs-class-hwmon`). Their files vanish with their devices, so they are looked for in each turn.

use super::sysfs::{Numbers, ROOM, attribute};
use super::{Host, Source};
use crate::host::{Fault, Flaw, Reading};
use crate::num::{Fixed, parse_u64};
use crate::sys::Directory;
use crate::text::{Text, hash};

/// Longest name of a sensor: two attributes, and the kernel's name.
const SENSOR_NAME_MAX: usize = 256;
/// Sensors; of more, the first ones.
const SENSORS_MAX: usize = 256;

/// Whether the sensor of that name is wanted.
pub(super) type WantsSensor<'w> = &'w dyn Fn(&[u8]) -> bool;
/// Makes a reading of what a file holds.
type Parse = fn(&[u8]) -> Option<Reading>;
/// Takes a sensor's name and what it says.
pub(super) type TakeReading<'t> = &'t mut dyn FnMut(&[u8], Reading);

impl Host {
    /// Hands over what each sensor says that is wanted and can be read: thermal zones by their type,
    /// then those of the chips as `chip/label`. Where several have one name, the further ones have the
    /// kernel's name of their device behind it.
    pub fn sensors(&mut self, wants: WantsSensor, take: TakeReading) -> Result<(), Fault> {
        let Some(sys) = &self.sys else { return Ok(()) };
        let mut round = Round {
            wants,
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
    wants: WantsSensor<'r>,
    take: &'r mut (dyn FnMut(&[u8], Reading) + 't),
    /// Hashes of the names that have been told.
    told: [u32; SENSORS_MAX],
    count: usize,
    is_over: bool,
}

impl Round<'_, '_> {
    /// Looks at each device of a class: the class, the device's own folder, and its name there.
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
        let mut numbers = Numbers::default();
        let _ = class.names(&mut |name| numbers.take(name, prefix, b""));
        self.is_over |= numbers.is_over;
        for number in numbers.ascending() {
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
        self.tell(device, &[name], &[kernel_name], &[b"temp"], temperature);
    }

    fn chip(&mut self, class: &Directory, device: &Directory, kernel_name: &[u8]) {
        // A zone makes a chip of itself: it has been looked at.
        if class.link(kernel_name, &mut [0; 256]).is_ok_and(is_in_zone) {
            return;
        }
        // Old kernels have the attributes in the folder of the chip's device.
        if self.chip_in(device, kernel_name).is_none()
            && let Ok(device) = device.open_directory(b"device")
        {
            let _ = self.chip_in(&device, kernel_name);
        }
    }

    /// `None` if there is no chip.
    fn chip_in(&mut self, folder: &Directory, kernel_name: &[u8]) -> Option<()> {
        let mut room = ROOM;
        let chip = attribute(folder, &[b"name"], &mut room)?;
        let mut kinds: [(&[u8], Numbers, Parse); 2] = [
            (b"temp", Numbers::default(), temperature),
            (b"fan", Numbers::default(), fan),
        ];
        let _ = folder.names(&mut |name| {
            for (prefix, numbers, _) in &mut kinds {
                numbers.take(name, prefix, b"_input");
            }
        });
        for (prefix, numbers, parse) in kinds {
            self.is_over |= numbers.is_over;
            for number in numbers.ascending() {
                let (mut buffer, mut room) = ([0; 32], ROOM);
                let sensor = numbered(&mut buffer, prefix, number);
                let label =
                    attribute(folder, &[sensor, b"_label"], &mut room).filter(|label| !label.is_empty());
                let name = [chip, b"/", label.unwrap_or(sensor)];
                let kernel_name = [kernel_name, b"/", sensor];
                self.tell(folder, &name, &kernel_name, &[sensor, b"_input"], parse);
            }
        }
        Some(())
    }

    /// Reads a sensor if it is wanted. The kernel's name follows where another one has its name.
    fn tell(
        &mut self,
        folder: &Directory,
        name: &[&[u8]],
        kernel_name: &[&[u8]],
        file: &[&[u8]],
        parse: Parse,
    ) {
        let mut buffer = [0; SENSOR_NAME_MAX];
        let mut text = Text::new(&mut buffer);
        for part in name {
            text.put(part);
        }
        if self.has_told(text.bytes()) {
            text.put(b" ");
            for part in kernel_name {
                text.put(part);
            }
        }
        if !(self.wants)(text.bytes()) {
            return;
        }
        let Some(place) = self.told.get_mut(self.count) else {
            self.is_over = true;
            return;
        };
        *place = hash(text.bytes());
        self.count += 1;
        let mut room = ROOM;
        if let Some(reading) = attribute(folder, file, &mut room).and_then(parse) {
            (self.take)(text.bytes(), reading);
        }
    }

    fn has_told(&self, name: &[u8]) -> bool {
        let hash = hash(name);
        self.told.iter().take(self.count).any(|told| *told == hash)
    }
}

/// Whether a device is one that a thermal zone has made of itself: it has been looked at.
fn is_in_zone(target: &[u8]) -> bool {
    let zone = b"/thermal_zone";
    target.windows(zone.len()).any(|part| part == zone)
}

fn numbered<'b>(buffer: &'b mut [u8; 32], prefix: &[u8], number: u64) -> &'b [u8] {
    let mut text = Text::new(buffer);
    text.put(prefix);
    text.number(number);
    text.into_bytes()
}

/// Thousandths of a degree; the kernel has a 32-bit number of them.
fn temperature(text: &[u8]) -> Option<Reading> {
    let millidegrees = Fixed::parse(text)?;
    let fits = i32::try_from(millidegrees.parts().0).is_ok();
    let degrees = millidegrees.shifted(3).filter(|_| fits)?;
    Some(Reading::Temperature(degrees))
}

fn fan(text: &[u8]) -> Option<Reading> {
    let speed = parse_u64(text).filter(|speed| u32::try_from(*speed).is_ok())?;
    Some(Reading::Fan(speed))
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

    fn readings(root: &Path) -> Vec<String> {
        let mut host = Host::open(b"/proc", root.to_str().unwrap().as_bytes()).unwrap();
        let mut found = Vec::new();
        host.sensors(&|name| name != b"unwanted", &mut |name, reading| {
            found.push(format!("{} {reading:?}", String::from_utf8_lossy(name)));
        })
        .unwrap();
        found
    }

    fn degrees(millis: i64) -> String {
        format!("{:?}", Reading::Temperature(Fixed::signed(millis, 3)))
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
            "chip/fan1 Fan(1200)".into(),
            format!("old/temp1 {}", degrees(3_000)),
        ];
        assert_eq!(readings(&root), expected);
        fs::remove_dir_all(&root).unwrap();
    }
}
