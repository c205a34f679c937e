//! Thermal zones and sensor chips: `/sys/class/thermal` and `/sys/class/hwmon`
//! (`Documentation/ABI/testing/sysfs-class-thermal`, `sysfs-class-hwmon`). Devices come and go, so their files are
//! opened at each turn.

use super::sysfs::{VALUE_MAX, read_attribute};
use crate::base::bit_set::BitSet;
use crate::base::decimal::{Fixed, parse_u64};
use crate::base::name::Name;
use crate::base::text::Text;
use crate::platform::{Directory, Entries};

/// A class of devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Thermal zones, with one temperature each.
    ThermalZone,
    /// Chips, with any number of sensors each.
    Chip,
}

impl Class {
    /// Returns the folder below `/sys`, and the prefix of the devices' names there; a number follows the prefix.
    fn path_and_prefix(self) -> (&'static [u8], &'static [u8]) {
        match self {
            Self::ThermalZone => (b"class/thermal", b"thermal_zone"),
            Self::Chip => (b"class/hwmon", b"hwmon"),
        }
    }
}

/// What a sensor measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SensorKind {
    /// A temperature in degrees Celsius.
    Temperature,
    /// A fan's speed in revolutions per minute.
    Fan,
}

impl SensorKind {
    const ALL: [Self; 2] = [Self::Temperature, Self::Fan];

    /// Returns the prefix of the attributes; the sensor's number follows.
    fn prefix(self) -> &'static [u8] {
        match self {
            Self::Temperature => b"temp",
            Self::Fan => b"fan",
        }
    }
}

/// The devices of a class, pulled one at a time in the order of their numbers.
pub struct Devices {
    class: Class,
    /// The folder of the class, or `None` if this kernel lacks it.
    folder: Option<Directory>,
    /// The numbers of the devices that have not been returned.
    numbers: BitSet,
    /// Whether a device or a sensor was left out, since its number is above 255.
    pub is_over: bool,
}

impl Devices {
    /// Lists the devices of a class. Without `/sys` there are none.
    pub(super) fn open(sys: Option<&Directory>, class: Class) -> Self {
        let (path, prefix) = class.path_and_prefix();
        let (mut numbers, mut is_over) = (BitSet::EMPTY, false);
        let folder = sys.and_then(|sys| sys.open_directory(path).ok()).map(|folder| {
            let mut entries = Entries::new(folder);
            while let Ok(Some(name)) = entries.next_name() {
                is_over |= !insert_number(&mut numbers, name, prefix, b"");
            }
            entries.into_directory()
        });
        Self {
            class,
            folder,
            numbers,
            is_over,
        }
    }

    /// Returns the next device that can be opened.
    pub fn next_device(&mut self) -> Option<Device> {
        let folder = self.folder.as_ref()?;
        loop {
            let number = self.numbers.pop_first()?;
            let kernel_name = numbered(self.class.path_and_prefix().1, number);
            let device = match self.class {
                Class::ThermalZone => Device::open_zone(folder, kernel_name),
                Class::Chip => Device::open_chip(folder, kernel_name),
            };
            if let Some(device) = device {
                self.is_over |= device.is_over;
                return Some(device);
            }
        }
    }
}

/// Returns a prefix with a number after it, such as `hwmon12`.
fn numbered(prefix: &[u8], number: usize) -> Name<24> {
    let mut buffer = [0; 24];
    let mut text = Text::new(&mut buffer);
    text.put(prefix);
    text.number(number as u64);
    Name::new(text.bytes())
}

/// Adds the number of a name that consists of this prefix, a number and this suffix; other names are ignored.
/// Returns false if the number is above 255.
fn insert_number(numbers: &mut BitSet, name: &[u8], prefix: &[u8], suffix: &[u8]) -> bool {
    let digits = name
        .strip_prefix(prefix)
        .and_then(|rest| rest.strip_suffix(suffix));
    digits
        .and_then(parse_u64)
        .is_none_or(|number| numbers.insert(number))
}

/// A thermal zone or a chip.
pub struct Device {
    class: Class,
    folder: Directory,
    /// The type of a zone, the name of a chip, such as `coretemp`.
    name: Name<VALUE_MAX>,
    /// The kernel's name for the device, such as `hwmon2`.
    kernel_name: Name<24>,
    /// The numbers of the sensors of each kind.
    numbers: [BitSet; SensorKind::ALL.len()],
    is_over: bool,
}

impl Device {
    fn open_zone(class: &Directory, kernel_name: Name<24>) -> Option<Self> {
        let folder = class.open_directory(kernel_name.bytes()).ok()?;
        let mut buffer = [0; VALUE_MAX];
        let kind = read_attribute(&folder, &[b"type"], &mut buffer).filter(|kind| !kind.is_empty());
        let mut zone = Self {
            class: Class::ThermalZone,
            name: Name::new(kind.unwrap_or(kernel_name.bytes())),
            folder,
            kernel_name,
            numbers: [BitSet::EMPTY; _],
            is_over: false,
        };
        zone.numbers[0].insert(0);
        Some(zone)
    }

    fn open_chip(class: &Directory, kernel_name: Name<24>) -> Option<Self> {
        // The chip that the kernel makes of each thermal zone is left out.
        let target = &mut [0; 256];
        if class.link(kernel_name.bytes(), target).is_ok_and(is_in_zone) {
            return None;
        }
        let folder = class.open_directory(kernel_name.bytes()).ok()?;
        let mut buffer = [0; VALUE_MAX];
        if let Some(name) = read_attribute(&folder, &[b"name"], &mut buffer) {
            return Some(Self::new_chip(folder, Name::new(name), kernel_name));
        }
        // Old kernels have the attributes in the folder of the chip's device.
        let folder = folder.open_directory(b"device").ok()?;
        let name = read_attribute(&folder, &[b"name"], &mut buffer)?;
        Some(Self::new_chip(folder, Name::new(name), kernel_name))
    }

    fn new_chip(folder: Directory, name: Name<VALUE_MAX>, kernel_name: Name<24>) -> Self {
        let (mut numbers, mut is_over) = ([BitSet::EMPTY; _], false);
        let mut entries = Entries::new(folder);
        while let Ok(Some(entry)) = entries.next_name() {
            for (kind, numbers) in SensorKind::ALL.iter().zip(&mut numbers) {
                is_over |= !insert_number(numbers, entry, kind.prefix(), b"_input");
            }
        }
        Self {
            class: Class::Chip,
            folder: entries.into_directory(),
            name,
            kernel_name,
            numbers,
            is_over,
        }
    }

    /// Returns the sensors, those of a kind in the order of their numbers.
    pub fn sensors(&self) -> impl Iterator<Item = Sensor<'_>> {
        let kinds = SensorKind::ALL.into_iter().zip(&self.numbers);
        kinds.flat_map(move |(kind, numbers)| {
            numbers.iter().map(move |number| Sensor {
                device: self,
                kind,
                attribute: match self.class {
                    Class::ThermalZone => Name::NONE,
                    Class::Chip => numbered(kind.prefix(), number),
                },
            })
        })
    }
}

/// Returns whether a link below `class/hwmon` leads to the folder of a thermal zone.
fn is_in_zone(target: &[u8]) -> bool {
    let zone = b"/thermal_zone";
    target.windows(zone.len()).any(|part| part == zone)
}

/// A sensor of a device.
pub struct Sensor<'d> {
    device: &'d Device,
    /// What it measures.
    pub kind: SensorKind,
    /// The start of its attributes' names, such as `temp1`; none if it is the only one of its device.
    attribute: Name<24>,
}

impl Sensor<'_> {
    /// Writes the name: `device/label`, or `device` if the sensor is the only one.
    pub fn put_name(&self, text: &mut Text) {
        let mut buffer = [0; VALUE_MAX];
        let attribute = self.attribute.bytes();
        let label = read_attribute(&self.device.folder, &[attribute, b"_label"], &mut buffer);
        let label = label.filter(|label| !label.is_empty() && !attribute.is_empty());
        put_path(text, self.device.name.bytes(), label.unwrap_or(attribute));
    }

    /// Writes the kernel's name, which no other sensor has: `hwmon2/temp1`, or `thermal_zone0`.
    pub fn put_kernel_name(&self, text: &mut Text) {
        put_path(text, self.device.kernel_name.bytes(), self.attribute.bytes());
    }

    /// Reads the value. Returns `None` if the sensor cannot be read, or what it returns is no number of 32 bits.
    pub fn read(&self) -> Option<Fixed> {
        let path: [&[u8]; 2] = match self.device.class {
            Class::ThermalZone => [b"temp", b""],
            Class::Chip => [self.attribute.bytes(), b"_input"],
        };
        let mut buffer = [0; VALUE_MAX];
        parse(
            self.kind,
            read_attribute(&self.device.folder, &path, &mut buffer)?,
        )
    }
}

fn put_path(text: &mut Text, device: &[u8], sensor: &[u8]) {
    text.put(device);
    if !sensor.is_empty() {
        text.put(b"/");
        text.put(sensor);
    }
}

/// Parses a value: the kernel has thousandths of a degree, and revolutions per minute, in 32 bits each.
fn parse(kind: SensorKind, text: &[u8]) -> Option<Fixed> {
    let value = Fixed::parse(text).filter(|value| value.is_whole() && value.parts().0 >> 31 == 0)?;
    match kind {
        SensorKind::Temperature => value.shifted(3),
        SensorKind::Fan => Some(value).filter(|value| !value.is_negative()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_matching_names_are_kept_and_those_above_255_refused() {
        let mut numbers = BitSet::EMPTY;
        for name in [
            "temp10_input",
            "temp2_input",
            "temp255_input",
            "temp2_label",
            "temp_input",
            "temp-1_input",
            "tempx_input",
            "fan3_input",
        ] {
            assert!(
                insert_number(&mut numbers, name.as_bytes(), b"temp", b"_input"),
                "{name}"
            );
        }
        assert_eq!(numbers.iter().collect::<Vec<_>>(), [2, 10, 255]);
        for large in ["temp256_input", "temp18446744073709551615_input"] {
            assert!(!insert_number(&mut numbers, large.as_bytes(), b"temp", b"_input"));
        }
        assert_eq!(numbers.iter().count(), 3);
    }

    #[test]
    fn values_are_numbers_of_32_bits_and_fans_have_no_sign() {
        use SensorKind::{Fan, Temperature};
        assert_eq!(parse(Temperature, b"-5250"), Some(Fixed::signed(-5_250, 3)));
        assert_eq!(parse(Fan, b"1200"), Some(Fixed::whole(1_200)));
        for (kind, bad) in [
            (Temperature, "hot"),
            (Temperature, "1.5"),
            (Temperature, "2147483648"),
            (Fan, "-1"),
        ] {
            assert_eq!(parse(kind, bad.as_bytes()), None, "{bad}");
        }
    }
}
