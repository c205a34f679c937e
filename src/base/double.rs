//! IEEE 754 doubles, computed with integers: routers have no floating-point unit.

use super::decimal::{Fixed, divide};

/// Bits of a double's fraction.
const FRACTION_BITS: u32 = 52;
/// What is added to the exponent.
const BIAS: i32 = 1023;
/// Bits that are computed beyond those that a double keeps.
const SPARE_BITS: u32 = u64::BITS - FRACTION_BITS - 1;

/// Returns the bits of the double that is nearest to the number, of two equally near ones the even one.
pub fn double_bits(number: Fixed) -> u64 {
    let (has_minus, mantissa, divisor) = number.ratio();
    let (mut bits, mut rest) = divide(mantissa, divisor.into());
    let mut exponent = 0_i32;
    if mantissa == 0 {
        return 0;
    }
    // A long division, until the quotient has 64 bits. The rest is below 10^9, so that 32 more bits of it fit.
    while bits.leading_zeros() > 0 {
        let count = bits.leading_zeros().min(32);
        let (quotient, next) = divide(rest << count, divisor.into());
        bits = bits << count | quotient;
        rest = next;
        exponent -= count as i32;
    }
    let kept = bits >> SPARE_BITS;
    let spare = bits & ((1 << SPARE_BITS) - 1);
    let half = 1 << (SPARE_BITS - 1);
    let is_above_half = spare > half || spare == half && rest > 0;
    let is_tie = spare == half && rest == 0;
    let is_up = is_above_half || is_tie && kept & 1 == 1;
    // The leading bit of what is kept adds one to the exponent, and so does a fraction that is rounded up to 2.
    let exponent = (exponent + BIAS + u64::BITS as i32 - 2) as u64;
    (u64::from(has_minus) << 63) + (exponent << FRACTION_BITS) + kept + u64::from(is_up)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::Random;

    /// Compares with what the compiler's library parses from the same text.
    fn check(text: &str) {
        let expected: f64 = text.parse().unwrap();
        let bits = double_bits(Fixed::parse(text.as_bytes()).unwrap());
        assert_eq!(
            bits,
            expected.to_bits(),
            "{text}: {} is not it",
            f64::from_bits(bits)
        );
    }

    #[test]
    fn doubles_are_those_of_the_standard_library() {
        for text in [
            "0",
            "1",
            "-1",
            "0.1",
            "0.000000001",
            "0.5",
            "2",
            "9007199254740992",
            "9007199254740993",
            "9007199254740994",
            "9007199254740995",
            "18446744073709551615",
            "18446744073709550592",
            "18446744073709550591",
            "4503599627370496.5",
            "4503599627370497.5",
            "15.3846",
            "-0.9999",
        ] {
            check(text);
        }
    }

    #[test]
    fn a_million_numbers_have_the_doubles_of_the_standard_library() {
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        for _ in 0..1_000_000 {
            let mantissa = random.number() >> (random.number() % 64);
            let scale = (random.number() % 10) as usize;
            let sign = if random.number().is_multiple_of(4) && mantissa > 0 {
                "-"
            } else {
                ""
            };
            let digits = format!("{mantissa:0width$}", width = scale + 1);
            let (whole, fraction) = digits.split_at(digits.len() - scale);
            let point = if scale > 0 { "." } else { "" };
            check(&format!("{sign}{whole}{point}{fraction}"));
        }
    }
}
