//! Conversions between units of length, mass, volume, time and temperature.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Length,
    Mass,
    Volume,
    Time,
    Temperature,
}

/// Names of a unit, its kind, and how to reach the kind's base: `value * factor + offset`.
type Unit = (&'static [&'static str], Kind, f64, f64);

const UNITS: [Unit; 22] = [
    (
        &["m", "meter", "meters", "metre", "metres"],
        Kind::Length,
        1.0,
        0.0,
    ),
    (
        &["km", "kilometer", "kilometers", "kilometre", "kilometres"],
        Kind::Length,
        1_000.0,
        0.0,
    ),
    (
        &[
            "cm",
            "centimeter",
            "centimeters",
            "centimetre",
            "centimetres",
        ],
        Kind::Length,
        0.01,
        0.0,
    ),
    (
        &[
            "mm",
            "millimeter",
            "millimeters",
            "millimetre",
            "millimetres",
        ],
        Kind::Length,
        0.001,
        0.0,
    ),
    (&["mi", "mile", "miles"], Kind::Length, 1_609.344, 0.0),
    (&["yd", "yard", "yards"], Kind::Length, 0.9144, 0.0),
    (&["ft", "foot", "feet"], Kind::Length, 0.3048, 0.0),
    (&["in", "inch", "inches"], Kind::Length, 0.0254, 0.0),
    (&["kg", "kilogram", "kilograms"], Kind::Mass, 1.0, 0.0),
    (&["g", "gram", "grams"], Kind::Mass, 0.001, 0.0),
    (
        &["lb", "lbs", "pound", "pounds"],
        Kind::Mass,
        0.453_592_37,
        0.0,
    ),
    (
        &["oz", "ounce", "ounces"],
        Kind::Mass,
        0.028_349_523_125,
        0.0,
    ),
    (
        &["l", "liter", "liters", "litre", "litres"],
        Kind::Volume,
        1.0,
        0.0,
    ),
    (
        &["ml", "milliliter", "milliliters"],
        Kind::Volume,
        0.001,
        0.0,
    ),
    (
        &["gal", "gallon", "gallons"],
        Kind::Volume,
        3.785_411_784,
        0.0,
    ),
    (&["s", "second", "seconds"], Kind::Time, 1.0, 0.0),
    (&["min", "minute", "minutes"], Kind::Time, 60.0, 0.0),
    (&["h", "hour", "hours"], Kind::Time, 3_600.0, 0.0),
    (&["d", "day", "days"], Kind::Time, 86_400.0, 0.0),
    (&["c", "°c", "celsius"], Kind::Temperature, 1.0, 273.15),
    (
        &["f", "°f", "fahrenheit"],
        Kind::Temperature,
        5.0 / 9.0,
        255.372_222_222_222_2,
    ),
    (&["k", "kelvin"], Kind::Temperature, 1.0, 0.0),
];

/// Converts a value between two units of one kind.
///
/// # Errors
/// A sentence that says which unit is unknown, or that the two do not go together.
pub(crate) fn convert(value: f64, from: &str, to: &str) -> Result<f64, String> {
    let (_, from_kind, from_factor, from_offset) = unit(from)?;
    let (_, to_kind, to_factor, to_offset) = unit(to)?;
    if from_kind != to_kind {
        return Err(format!("{from} and {to} measure different things"));
    }
    Ok((value * from_factor + from_offset - to_offset) / to_factor)
}

fn unit(name: &str) -> Result<&'static Unit, String> {
    let wanted = name.trim().to_lowercase();
    UNITS
        .iter()
        .find(|(names, ..)| names.contains(&wanted.as_str()))
        .ok_or_else(|| format!("there is no unit {name:?} here"))
}

#[cfg(test)]
mod tests {
    use super::convert;

    #[test]
    fn values_arrive_in_the_other_unit() {
        for (value, from, to, expected) in [
            (5.0, "km", "miles", 3.106_855_961_186_669_6),
            (100.0, "C", "F", 212.0),
            (0.0, "kelvin", "celsius", -273.15),
            (2.0, "Hours", "minutes", 120.0),
        ] {
            let got = convert(value, from, to).unwrap();
            assert!((got - expected).abs() < 1e-9, "{value} {from} = {got} {to}");
        }
    }

    #[test]
    fn nonsense_is_explained() {
        assert_eq!(
            convert(1.0, "km", "kg"),
            Err("km and kg measure different things".to_owned())
        );
        assert_eq!(
            convert(1.0, "parsec", "km"),
            Err("there is no unit \"parsec\" here".to_owned())
        );
    }
}
