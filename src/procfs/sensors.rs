//! Thermal zones and sensor chips: `/sys/class/thermal` and `/sys/class/hwmon`
//! (`Documentation/ABI/testing/sysfs-class-thermal`, `sysfs-class-hwmon`). Devices come and go, so their files are
//! opened at each turn.

use super::sysfs::{VALUE_MAX, read_attribute};
use crate::base::bit_set::BitSet;
use crate::base::decimal::{Fixed, parse_u64};
use crate::base::name::Name;
use crate::base::text::{Text, hash};
use crate::platform::{Directory, Entries};

/// A class of devices (`/sys/class`).
struct SysfsClass {
    /// The folder below `/sys`.
    path: &'static [u8],
    /// The start of the devices' names there; a number follows it.
    prefix: &'static [u8],
    /// Whether the devices have any number of sensors, and not one temperature each.
    is_chip: bool,
}

static CLASSES: [SysfsClass; 2] = [
    SysfsClass {
        path: b"class/thermal",
        prefix: b"thermal_zone",
        is_chip: false,
    },
    SysfsClass {
        path: b"class/hwmon",
        prefix: b"hwmon",
        is_chip: true,
    },
];

/// What a sensor measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SensorKind {
    /// A temperature in degrees Celsius.
    Temperature,
    /// A fan's speed in revolutions per minute.
    Fan,
}

/// The kinds, and the start of their attributes' names; the sensor's number follows it.
const KINDS: [(SensorKind, &[u8]); 2] = [(SensorKind::Temperature, b"temp"), (SensorKind::Fan, b"fan")];

/// The sensors of all devices, pulled one at a time: the devices of a class in the order of their numbers, and so the
/// sensors of a kind.
pub struct Sensors {
    /// The classes whose devices have not been listed.
    classes: &'static [SysfsClass],
    /// The class of the device, and its folder.
    class: &'static SysfsClass,
    folder: Option<Directory>,
    /// The numbers of the devices that have not been opened.
    devices: BitSet,
    /// The device.
    device: Option<Directory>,
    /// The kernel's name for it, such as `hwmon2`.
    kernel_name: Name<24>,
    /// The type of a zone, the name of a chip, such as `coretemp`.
    name: Name<VALUE_MAX>,
    /// The address of the device on its bus, such as `0000:01:00.0`, which it keeps over a restart; none if it has none.
    address: Name<VALUE_MAX>,
    /// The numbers of its sensors that have not been returned, by kind.
    numbers: [BitSet; KINDS.len()],
    /// The numbers of the sensors whose label another sensor of the chip and the kind has, too.
    repeated: [BitSet; KINDS.len()],
    /// Whether the sensor is one of them.
    has_repeated_label: bool,
    /// The start of the names of the sensor's attributes, such as `temp1`; none if it is the only one of its device.
    attribute: Name<24>,
    kind: SensorKind,
    /// Whether a device or a sensor was left out, since its number is above 255.
    pub is_over: bool,
}

impl Sensors {
    /// No sensor was returned.
    #[expect(clippy::new_without_default, reason = "it is no value of its own")]
    pub fn new() -> Self {
        Self {
            classes: &CLASSES,
            class: &CLASSES[0],
            folder: None,
            devices: BitSet::EMPTY,
            device: None,
            kernel_name: Name::NONE,
            name: Name::NONE,
            address: Name::NONE,
            numbers: [BitSet::EMPTY; KINDS.len()],
            repeated: [BitSet::EMPTY; KINDS.len()],
            has_repeated_label: false,
            attribute: Name::NONE,
            kind: SensorKind::Temperature,
            is_over: false,
        }
    }

    /// Goes to the next sensor, and returns what it measures; `None` after the last one. Without `/sys` there are none.
    pub fn next_sensor(&mut self, sys: Option<&Directory>) -> Option<SensorKind> {
        loop {
            for (((kind, prefix), numbers), repeated) in
                KINDS.iter().zip(&mut self.numbers).zip(&self.repeated)
            {
                if let Some(number) = numbers.pop_first() {
                    self.kind = *kind;
                    self.has_repeated_label = repeated.contains(number);
                    self.attribute = Name::NONE;
                    if self.class.is_chip {
                        self.attribute = numbered(prefix, number);
                    }
                    return Some(*kind);
                }
            }
            if let Some(number) = self.devices.pop_first() {
                self.open_device(number);
            } else {
                (self.class, self.classes) = self.classes.split_first()?;
                self.list_devices(sys?);
            }
        }
    }

    fn list_devices(&mut self, sys: &Directory) {
        self.folder = None;
        let Ok(folder) = sys.open_directory(self.class.path) else {
            return;
        };
        let mut entries = Entries::new(folder);
        while let Ok(Some(name)) = entries.next_name() {
            self.is_over |= !insert_number(&mut self.devices, name, self.class.prefix, b"");
        }
        self.folder = Some(entries.into_directory());
    }

    /// Opens the device of this number, and lists its sensors; it has none if it cannot be opened.
    fn open_device(&mut self, number: usize) -> Option<()> {
        let folder = self.folder.as_ref()?;
        self.kernel_name = numbered(self.class.prefix, number);
        let kernel_name = self.kernel_name.bytes();
        self.repeated = [BitSet::EMPTY; KINDS.len()];
        let (mut path, mut target) = ([0; 256], [0; 256]);
        let path = folder.link(kernel_name, &mut path).unwrap_or_default();
        // The chip that the kernel makes of each thermal zone is left out.
        if self.class.is_chip && is_in_zone(path) {
            return None;
        }
        let mut device = folder.open_directory(kernel_name).ok()?;
        let target = device.link(b"device", &mut target).unwrap_or_default();
        // The first may be as short as `../../nvme0`, without an address.
        let address = bus_address(target).or_else(|| bus_address(path));
        self.address = Name::new(address.or_else(|| stable_name(target)).unwrap_or_default());
        let mut buffer = [0; VALUE_MAX];
        if !self.class.is_chip {
            let kind = read_attribute(&device, &[b"type"], &mut buffer).filter(|kind| !kind.is_empty());
            self.name = Name::new(kind.unwrap_or(kernel_name));
            self.device = Some(device);
            self.numbers[0].insert(0);
            return Some(());
        }
        let mut name = read_attribute(&device, &[b"name"], &mut buffer);
        if name.is_none() {
            // Old kernels have the attributes in the folder of the chip's device.
            device = device.open_directory(b"device").ok()?;
            name = read_attribute(&device, &[b"name"], &mut buffer);
        }
        self.name = Name::new(name?);
        let mut entries = Entries::new(device);
        let mut labels = [BitSet::EMPTY; KINDS.len()];
        while let Ok(Some(entry)) = entries.next_name() {
            for (index, (_, prefix)) in KINDS.iter().enumerate() {
                self.is_over |= !insert_number(&mut self.numbers[index], entry, prefix, b"_input");
                insert_number(&mut labels[index], entry, prefix, b"_label");
            }
        }
        self.device = Some(entries.into_directory());
        for (index, (_, prefix)) in KINDS.iter().enumerate() {
            self.repeated[index] = self.repeated_labels(prefix, labels[index]);
        }
        Some(())
    }

    /// Returns those of the numbers whose label is not the only one of its text. All label files of the chip count,
    /// whichever sensors have a value: a name must not change because another sensor fails.
    fn repeated_labels(&self, prefix: &[u8], labels: BitSet) -> BitSet {
        let (mut repeated, mut hashes) = (BitSet::EMPTY, [0; 256]);
        let mut rest = labels;
        while let Some(number) = rest.pop_first() {
            let label = hash(self.label(numbered(prefix, number).bytes(), &mut [0; VALUE_MAX]));
            for (other, _) in hashes.iter().enumerate().filter(|(_, hash)| **hash == label) {
                repeated.insert(other as u64);
                repeated.insert(number as u64);
            }
            hashes[number] = label;
        }
        repeated
    }

    /// Returns the label of the sensor with these attributes, or the start of their names if it has none.
    fn label<'b>(&self, attribute: &'b [u8], buffer: &'b mut [u8; VALUE_MAX]) -> &'b [u8] {
        let label = self.read_attribute(&[attribute, b"_label"], buffer);
        label.filter(|label| !label.is_empty()).unwrap_or(attribute)
    }

    /// Writes the sensor's name: `device/label`, `device/label temp2` where the label is not the only one of its text, or
    /// `device` if it is the only sensor.
    pub fn put_name(&self, text: &mut Text) {
        text.put(self.name.bytes());
        let attribute = self.attribute.bytes();
        if attribute.is_empty() {
            return;
        }
        text.put(b"/");
        text.put(self.label(attribute, &mut [0; VALUE_MAX]));
        if self.has_repeated_label {
            text.put(b" ");
            text.put(attribute);
        }
    }

    /// Returns the kernel's name for the sensor's device, such as `hwmon2`.
    pub fn kernel_name(&self) -> &[u8] {
        self.kernel_name.bytes()
    }

    /// Returns the kernel's name for the sensor, such as `temp1`; empty if it is the only one of its device.
    pub fn attribute(&self) -> &[u8] {
        self.attribute.bytes()
    }

    /// Returns the address of the sensor's device on its bus, which distinguishes equal devices; empty if it has none.
    pub fn address(&self) -> &[u8] {
        self.address.bytes()
    }

    /// Reads the sensor's value. Returns `None` if it cannot be read, if the chip reports a fault of the sensor, or if the
    /// value is none.
    pub fn read(&self) -> Option<Fixed> {
        let mut buffer = [0; VALUE_MAX];
        let path: [&[u8]; 2] = match self.attribute.bytes() {
            [] => [b"temp", b""],
            attribute => {
                let fault = self.read_attribute(&[attribute, b"_fault"], &mut buffer);
                if fault.and_then(parse_u64).is_some_and(|fault| fault != 0) {
                    return None;
                }
                [attribute, b"_input"]
            }
        };
        parse(self.kind, self.read_attribute(&path, &mut buffer)?)
    }

    fn read_attribute<'b>(&self, path: &[&[u8]], buffer: &'b mut [u8; VALUE_MAX]) -> Option<&'b [u8]> {
        read_attribute(self.device.as_ref()?, path, buffer)
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

/// Returns whether a link below `class/hwmon` leads to the folder of a thermal zone.
fn is_in_zone(target: &[u8]) -> bool {
    let zone = b"/thermal_zone";
    target.windows(zone.len()).any(|part| part == zone)
}

/// Returns the last part of a path that is an address on a bus: it has a digit, and a colon, a point or a hyphen, such as
/// `0000:01:00.0` of `../../../devices/pci0000:00/0000:01:00.0/nvme/nvme1`, `1-004c` or `coretemp.0`.
fn bus_address(target: &[u8]) -> Option<&[u8]> {
    let is_address = |part: &&[u8]| {
        part.iter().any(u8::is_ascii_digit) && part.iter().any(|byte| matches!(byte, b':' | b'.' | b'-'))
    };
    let mut parts = target.rsplit(|&byte| byte == b'/');
    parts.find(is_address)
}

/// Returns the last part of a path if it has no number, which might be another one after a restart: `thinkpad_hwmon`.
fn stable_name(target: &[u8]) -> Option<&[u8]> {
    let last = target.rsplit(|&byte| byte == b'/').next()?;
    let is_stable = last.iter().all(|byte| !byte.is_ascii_digit() && *byte != b'.');
    Some(last).filter(|last| !last.is_empty() && is_stable)
}

/// Parses a value: thousandths of a degree, or revolutions per minute. `None` for what a driver has in place of a value:
/// temperatures not above absolute zero (`THERMAL_TEMP_INVALID`) or above any sensor's range, −128 °C (the lowest number of 8
/// bits, which chips have for an open diode), and 65535 of a fan.
fn parse(kind: SensorKind, text: &[u8]) -> Option<Fixed> {
    const ABSOLUTE_ZERO: u64 = 273_150;
    const HOTTEST: u64 = 2_000_000;
    const OPEN_DIODE: u64 = 128_000;
    let value = Fixed::parse(text).filter(|value| value.is_whole())?;
    let (number, is_negative) = (value.parts().0, value.is_negative());
    match kind {
        SensorKind::Temperature if is_negative && (number >= ABSOLUTE_ZERO || number == OPEN_DIODE) => None,
        SensorKind::Temperature if number > HOTTEST => None,
        SensorKind::Temperature => value.shifted(3),
        SensorKind::Fan => Some(value).filter(|_| !is_negative && number < 0xffff),
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
        let listed =
            |mut numbers: BitSet| std::iter::from_fn(move || numbers.pop_first()).collect::<Vec<_>>();
        assert_eq!(listed(numbers), [2, 10, 255]);
        for large in ["temp256_input", "temp18446744073709551615_input"] {
            assert!(!insert_number(&mut numbers, large.as_bytes(), b"temp", b"_input"));
        }
        assert_eq!(listed(numbers).len(), 3);
    }

    #[test]
    fn bus_address_is_the_last_part_that_is_one() {
        for (target, expected) in [
            (
                "../../../devices/pci0000:00/0000:02:00.0/nvme/nvme0",
                "0000:02:00.0",
            ),
            ("../../../0000:00:18.3", "0000:00:18.3"),
            ("../../../1-004c", "1-004c"),
            ("../../../coretemp.0", "coretemp.0"),
            (
                "../../devices/LNXSYSTM:00/LNXSYBUS:00/PNP0C0A:00/power_supply/BAT0",
                "PNP0C0A:00",
            ),
            ("../../../thinkpad_hwmon", ""),
            ("../../../..", ""),
            ("", ""),
        ] {
            assert_eq!(
                bus_address(target.as_bytes()).unwrap_or_default(),
                expected.as_bytes(),
                "{target}"
            );
        }
    }

    #[test]
    fn values_that_stand_for_none_are_left_out() {
        use SensorKind::{Fan, Temperature};
        assert_eq!(parse(Temperature, b"-5250"), Some(Fixed::signed(-5_250, 3)));
        assert_eq!(parse(Fan, b"1200"), Some(Fixed::whole(1_200)));
        for (kind, bad) in [
            (Temperature, "hot"),
            (Temperature, "1.5"),
            (Temperature, "2147483647"),
            (Temperature, "-273150"),
            (Temperature, "-274000"),
            (Temperature, "-128000"),
            (Temperature, "-2147483648"),
            (Fan, "-1"),
            (Fan, "65535"),
            (Fan, "4294967295"),
        ] {
            assert_eq!(parse(kind, bad.as_bytes()), None, "{bad}");
        }
    }
}
