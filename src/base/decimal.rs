//! Decimal numbers without floating point: parse, format, fixed point.

/// A decimal number: `mantissa` / 10^`scale`, with its sign.
///
/// The mantissa is a whole `u64`, so that it holds every counter of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fixed {
    mantissa: u64,
    scale: u8,
    has_minus: bool,
}

/// Decimal places of a percentage.
const PERCENT_SCALE: u8 = 4;
/// 100 % with [`PERCENT_SCALE`] places.
const HUNDRED: u64 = 1_000_000;
/// The longest text of a `u64`.
pub const DIGITS_MAX: usize = 20;
/// The most decimal places that are kept; the kernel prints two or three.
const SCALE_MAX: u8 = 9;

impl Fixed {
    /// Creates a number that is not negative, with `scale` (at most 9) decimal places.
    pub const fn new(mantissa: u64, scale: u8) -> Self {
        Self::of(false, mantissa, scale)
    }

    /// Creates a whole number, such as a counter or a size in bytes.
    pub const fn whole(mantissa: u64) -> Self {
        Self::new(mantissa, 0)
    }

    /// Creates a number with its sign and `scale` (at most 9) decimal places.
    pub fn signed(mantissa: i64, scale: u8) -> Self {
        Self::of(mantissa < 0, mantissa.unsigned_abs(), scale)
    }

    const fn of(has_minus: bool, mantissa: u64, scale: u8) -> Self {
        debug_assert!(scale <= SCALE_MAX);
        Self {
            mantissa,
            scale,
            has_minus,
        }
    }

    /// Returns `part` of `total` as a percentage with four decimals, rounded half up.
    ///
    /// A part above the total is clamped to 100; a total of zero has no percentage.
    pub fn percent(part: u64, total: u64) -> Option<Self> {
        // Both lose low bits so that the product below fits. This is far below the fourth decimal.
        let spare = (u64::MAX / HUNDRED / 2).leading_zeros();
        let shift = spare.saturating_sub(total.leading_zeros());
        let (part, total) = (part.min(total) >> shift, total >> shift);
        if total == 0 {
            return None;
        }
        let (mantissa, _) = divide(part * HUNDRED + total / 2, total);
        Some(Self::new(mantissa, PERCENT_SCALE))
    }

    /// Parses a number such as `-12.50`: digits with an optional sign and point. At most nine decimals are kept.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (negative, digits) = match text.split_first()? {
            (b'-', rest) => (true, rest),
            _ => (false, text),
        };
        let point = digits.iter().position(|&byte| byte == b'.');
        let (whole, fraction) = match point {
            Some(at) => (digits.get(..at)?, digits.get(at + 1..)?),
            None => (digits, [].as_slice()),
        };
        if point.is_some() && fraction.is_empty() {
            return None;
        }
        let kept = fraction.get(..fraction.len().min(usize::from(SCALE_MAX)))?;
        if !fraction.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let mut mantissa = parse_u64(whole)?;
        for digit in kept {
            mantissa = mantissa.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
        }
        Some(Self::of(negative, mantissa, kept.len() as u8))
    }

    /// Returns whether the number is −1 as an unsigned number of 32 or 64 bits.
    pub fn is_unsigned_minus_one(self) -> bool {
        let is_one = self.mantissa == u32::MAX.into() || self.mantissa == u64::MAX;
        is_one && self.scale == 0 && !self.has_minus
    }

    /// Returns whether the number has no decimal places.
    pub fn is_whole(self) -> bool {
        self.scale == 0
    }

    /// Returns the number divided by 10^`places`; `None` if it would have too many decimal places.
    pub fn shifted(self, places: u8) -> Option<Self> {
        let scale = self.scale.checked_add(places)?;
        (scale <= SCALE_MAX).then(|| Self::of(self.has_minus, self.mantissa, scale))
    }

    /// Returns the number multiplied by 10^`places`; `None` if it would exceed a `u64`. At most nine decimals are kept.
    pub fn moved(self, places: i8) -> Option<Self> {
        let (mut mantissa, mut scale) = (self.mantissa, i16::from(self.scale) - i16::from(places));
        while scale < 0 {
            mantissa = mantissa.checked_mul(10)?;
            scale += 1;
        }
        while scale > SCALE_MAX.into() {
            mantissa = divide(mantissa, 10).0;
            scale -= 1;
        }
        Some(Self::of(self.has_minus, mantissa, scale as u8))
    }

    /// Returns the number times `factor` / `divisor`, with four more decimals if they fit; `None` if the product does
    /// not fit, or the divisor is 0.
    pub fn times(self, factor: u32, divisor: u32) -> Option<Self> {
        let (mut product, mut scale) = (self.mantissa.checked_mul(factor.into())?, self.scale);
        for _ in 0..PERCENT_SCALE {
            match product.checked_mul(10).filter(|_| scale < SCALE_MAX) {
                Some(longer) => (product, scale) = (longer, scale + 1),
                None => break,
            }
        }
        let (quotient, _) = divide(product, u64::from(Some(divisor).filter(|divisor| *divisor > 0)?));
        Some(Self::of(self.has_minus, quotient, scale))
    }

    /// Returns the number with at most four decimals.
    #[must_use]
    pub fn shortened(self) -> Self {
        let (mut mantissa, mut scale) = (self.mantissa, self.scale);
        while scale > PERCENT_SCALE {
            (mantissa, scale) = (divide(mantissa, 10).0, scale - 1);
        }
        Self::of(self.has_minus, mantissa, scale)
    }

    /// Returns whether there is a minus, and the absolute value as a ratio: a number and a power of ten of at most 10^9.
    pub fn ratio(self) -> (bool, u64, u32) {
        let mut divisor = 1;
        for _ in 0..self.scale {
            divisor *= 10;
        }
        (self.has_minus, self.mantissa, divisor)
    }

    /// Returns whether the number is below zero.
    pub fn is_negative(self) -> bool {
        self.has_minus && self.mantissa != 0
    }

    /// Returns the digits before the point, and the digits after it as a number of `scale` digits, without zeros at the
    /// end.
    pub fn parts(self) -> (u64, u64, u8) {
        let mut scale = self.scale;
        if scale == 0 {
            return (self.mantissa, 0, 0);
        }
        let (_, mantissa, divisor) = self.ratio();
        // At most nine digits follow the point.
        let (whole, rest) = divide(mantissa, divisor.into());
        let mut fraction = rest as u32;
        while scale > 0 && fraction.is_multiple_of(10) {
            fraction /= 10;
            scale -= 1;
        }
        (whole, u64::from(fraction), scale)
    }
}

/// Parses one to twenty digits and nothing else; a value above `u64::MAX` is no number.
pub fn parse_u64(text: &[u8]) -> Option<u64> {
    let (number, length) = leading_u64(text);
    number.filter(|_| length > 0 && length == text.len())
}

/// Parses the digits at the start. Returns the number, unless it is above `u64::MAX`, and how many digits there are.
#[inline]
pub fn leading_u64(text: &[u8]) -> (Option<u64>, usize) {
    let digit = |at: usize| {
        let digit = text.get(at)?.wrapping_sub(b'0');
        (digit < 10).then_some(digit)
    };
    // Nine digits fit into a word of 32 bits, and most numbers are no longer.
    let (mut word, mut length) = (0_u32, 0);
    while length < 9
        && let Some(digit) = digit(length)
    {
        word = 10 * word + u32::from(digit);
        length += 1;
    }
    let mut number = Some(u64::from(word));
    while let Some(digit) = digit(length) {
        number = number.and_then(|number| number.checked_mul(10)?.checked_add(digit.into()));
        length += 1;
    }
    (number, length)
}

/// Returns quotient and remainder; `by` is not 0.
///
/// Divides bit by bit on 32-bit processors: the compiler's function is five times as large, and not faster for small
/// quotients.
pub fn divide(number: u64, by: u64) -> (u64, u64) {
    // Tests run the other way on 64 bits, too.
    if cfg!(all(target_pointer_width = "64", not(test))) {
        return (number / by, number % by);
    }
    let (mut quotient, mut rest) = (0, number);
    let places = by.leading_zeros().saturating_sub(number.leading_zeros());
    let mut part = by << places;
    for _ in 0..=places {
        quotient <<= 1;
        if part <= rest {
            rest -= part;
            quotient |= 1;
        }
        part >>= 1;
    }
    (quotient, rest)
}

/// Returns how many digits the number has.
pub fn digit_count(number: u64) -> usize {
    POWERS.iter().take_while(|power| number >= **power).count() + 1
}

/// 10, 100 and so on, up to the largest that a `u64` holds.
const POWERS: [u64; DIGITS_MAX - 1] = {
    let mut powers = [10; DIGITS_MAX - 1];
    let mut index = 1;
    while index < powers.len() {
        powers[index] = 10 * powers[index - 1];
        index += 1;
    }
    powers
};

/// Fills `digits` with the last digits of the number, and zeros before them.
pub fn write_digits(number: u64, digits: &mut [u8]) {
    let mut rest = number;
    for digit in digits.iter_mut().rev() {
        // A 32-bit processor divides its own word in one step, and 64 bits in many.
        let last = if let Ok(word) = u32::try_from(rest) {
            rest = u64::from(word / 10);
            word % 10
        } else {
            let (tenth, last) = divide(rest, 10);
            rest = tenth;
            last as u32
        };
        *digit = b'0' + last as u8;
    }
}

/// Writes the number to the start of `digits`, and returns the written part.
pub fn format_u64(number: u64, digits: &mut [u8; DIGITS_MAX]) -> &[u8] {
    let digits = digits.get_mut(..digit_count(number)).unwrap_or_default();
    write_digits(number, digits);
    digits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::Random;

    fn text(number: u64) -> String {
        let mut digits = [0; DIGITS_MAX];
        String::from_utf8(format_u64(number, &mut digits).to_vec()).unwrap()
    }

    #[test]
    fn formatted_numbers_match_the_standard_library() {
        let mut number = 1u64;
        for _ in 0..64 {
            for near in [number - 1, number, number + 1] {
                assert_eq!(text(near), near.to_string());
            }
            number = number.wrapping_mul(2).max(1);
        }
        for power in 0..20 {
            let number = 10u64.pow(power);
            assert_eq!(text(number), number.to_string());
            assert_eq!(text(number - 1), (number - 1).to_string());
        }
        assert_eq!(text(u64::MAX), u64::MAX.to_string());
    }

    #[test]
    fn division_by_bits_matches_the_processor() {
        let mut numbers = vec![0, 10, 1_000, 1_000_000_007];
        numbers.extend((0..64).flat_map(|bit| [(1 << bit) - 1, 1 << bit, !(1_u64 << bit)]));
        for &number in &numbers {
            for &by in numbers.iter().filter(|by| **by != 0) {
                assert_eq!(divide(number, by), (number / by, number % by), "{number} by {by}");
            }
        }
    }

    #[test]
    fn text_that_is_not_all_digits_is_no_number() {
        for number in [0, 7, 10, 4_294_967_296, u64::MAX] {
            assert_eq!(parse_u64(number.to_string().as_bytes()), Some(number));
        }
        for bad in [
            "",
            "-1",
            "+1",
            " 1",
            "1 ",
            "1.0",
            "18446744073709551616",
            "\u{661}",
            "1a",
        ] {
            assert_eq!(parse_u64(bad.as_bytes()), None, "{bad:?}");
        }
    }

    #[test]
    fn decimals_are_parsed_up_to_nine_places() {
        assert_eq!(Fixed::parse(b"0.25"), Some(Fixed::new(25, 2)));
        assert_eq!(Fixed::parse(b"12"), Some(Fixed::whole(12)));
        assert_eq!(Fixed::signed(-15, 1), Fixed::parse(b"-1.5").unwrap());
        let minus = Fixed::parse(b"-1.5").unwrap();
        assert!(minus.is_negative());
        assert_eq!(minus.parts(), (1, 5, 1));
        assert!(!Fixed::parse(b"-0.0").unwrap().is_negative());
        assert_eq!(Fixed::parse(b"1.12345678912"), Some(Fixed::new(1_123_456_789, 9)));
        for bad in ["", "-", ".", "1.", ".5", "1.2.3", "1.x", "x", "--1", "1.5-"] {
            assert_eq!(Fixed::parse(bad.as_bytes()), None, "{bad:?}");
        }
        assert_eq!(Fixed::parse(b"18446744073709551615.5"), None);
    }

    #[test]
    fn percentages_are_rounded_clamped_and_never_overflow() {
        let percent = |part, total| Fixed::percent(part, total).map(Fixed::parts);
        assert_eq!(percent(10, 65), Some((15, 3846, 4)));
        assert_eq!(percent(1, 3), Some((33, 3333, 4)));
        assert_eq!(percent(2, 3), Some((66, 6667, 4)));
        assert_eq!(percent(1, 2), Some((50, 0, 0)));
        assert_eq!(percent(0, 5), Some((0, 0, 0)));
        assert_eq!(percent(6, 5), Some((100, 0, 0)));
        assert_eq!(percent(1, 0), None);
        assert_eq!(percent(0, 0), None);
        assert_eq!(percent(u64::MAX, u64::MAX), Some((100, 0, 0)));
        assert_eq!(percent(u64::MAX / 4, u64::MAX), Some((25, 0, 0)));
    }

    #[test]
    fn percentages_agree_with_wide_arithmetic() {
        let mut random = Random(0x2545_f491_4f6c_dd1d);
        for _ in 0..100_000 {
            let total = (random.number() >> (random.number() % 64)).max(1);
            let part = random.number() % total;
            let exact = (u128::from(part) * 1_000_000 + u128::from(total / 2)) / u128::from(total);
            let ours = Fixed::percent(part, total).unwrap();
            let off = u128::from(ours.mantissa).abs_diff(exact);
            assert!(
                off <= u128::from(total > 1 << 43),
                "{part}/{total}: {ours:?}, exactly {exact}"
            );
        }
    }

    #[test]
    fn powers_of_ten_are_applied_as_far_as_the_number_fits() {
        let moved = |text: &str, places| {
            Fixed::parse(text.as_bytes())
                .unwrap()
                .moved(places)
                .map(Fixed::parts)
        };
        assert_eq!(moved("12345", -3), Some((12, 345, 3)));
        assert_eq!(moved("12345", 3), Some((12_345_000, 0, 0)));
        assert_eq!(moved("1.2345", 2), Some((123, 45, 2)));
        assert_eq!(moved("1.5", -9), Some((0, 1, 9)));
        assert_eq!(moved("-7", 1), Some((70, 0, 0)));
        assert_eq!(moved("18446744073709551615", 1), None);
        assert_eq!(moved("0", 9), Some((0, 0, 0)));
        assert_eq!(
            Fixed::parse(b"-0.123456").unwrap().shortened().parts(),
            (0, 1234, 4)
        );
        assert_eq!(Fixed::parse(b"12.5").unwrap().shortened(), Fixed::new(125, 1));
    }

    #[test]
    fn ratios_have_up_to_four_more_decimals() {
        let times =
            |text: &str, factor, divisor| Fixed::parse(text.as_bytes()).unwrap().times(factor, divisor);
        let parts = |text, factor, divisor| times(text, factor, divisor).map(Fixed::parts);
        assert_eq!(parts("1536", 1, 1024), Some((1, 5, 1)));
        assert_eq!(parts("1", 2, 3), Some((0, 6666, 4)));
        assert_eq!(parts("-20", 9, 5), Some((36, 0, 0)));
        assert!(times("-20", 9, 5).unwrap().is_negative());
        assert_eq!(parts("18446744073709551615", 1, 1), Some((u64::MAX, 0, 0)));
        assert_eq!(parts("18446744073709551615", 2, 1), None);
        assert_eq!(parts("0.123456789", 1, 1), Some((0, 123_456_789, 9)));
        assert_eq!(parts("5", 1, 0), None);
    }

    #[test]
    fn zeros_at_the_end_are_dropped() {
        assert_eq!(Fixed::new(1_000_400, 4).parts(), (100, 4, 2));
        assert_eq!(Fixed::new(5, 2).parts(), (0, 5, 2));
        assert_eq!(Fixed::whole(u64::MAX).parts(), (u64::MAX, 0, 0));
    }
}
