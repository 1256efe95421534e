//! How far countries are from one another, by the map.
//!
//! The latency that oCore could measure is its own to the server, not the users'. So the distance between two countries
//! stands for it: a point in the middle of each's people, the great circle between them, and light in fibre by ways that
//! are half as long again. It orders servers; it promises nothing.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A country by its two letters of ISO 3166-1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Country([u8; 2]);

impl Country {
    /// The two letters, in capitals.
    pub fn as_str(&self) -> &str {
        // Only ASCII letters come in.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl std::str::FromStr for Country {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.as_bytes() {
            &[a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
                Ok(Self([a.to_ascii_uppercase(), b.to_ascii_uppercase()]))
            }
            _ => Err("must be the two letters of a country (ISO 3166-1), such as `DE`".to_owned()),
        }
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Country {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Country {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// The distance between the middles of two countries in kilometres, where both are known.
pub fn kilometres(one: Country, other: Country) -> Option<f64> {
    let find = |country: Country| PLACES.iter().find(|place| place.0 == country.as_str());
    let (a, b) = (find(one)?, find(other)?);
    let (lat_a, lat_b) = (a.1.to_radians(), b.1.to_radians());
    let (d_lat, d_lon) = (lat_b - lat_a, (b.2 - a.2).to_radians());
    let h = (d_lat / 2.0).sin().powi(2) + lat_a.cos() * lat_b.cos() * (d_lon / 2.0).sin().powi(2);
    Some(2.0 * 6371.0 * h.sqrt().min(1.0).asin())
}

/// What a round trip over so many kilometres takes by rule of thumb, in milliseconds: light in fibre goes 200 km in a
/// millisecond, there and back, by ways half as long again.
pub fn round_trip_ms(kilometres: f64) -> f64 {
    kilometres * 2.0 / 200.0 * 1.5
}

/// Country, latitude and longitude in degrees of where most of its people are.
const PLACES: &[(&str, f64, f64)] = &[
    ("AE", 25.0, 55.2),
    ("AF", 34.5, 69.2),
    ("AL", 41.3, 19.8),
    ("AM", 40.2, 44.5),
    ("AO", -8.8, 13.2),
    ("AR", -34.6, -58.4),
    ("AT", 48.2, 16.0),
    ("AU", -34.5, 149.0),
    ("AZ", 40.4, 49.9),
    ("BA", 43.9, 18.4),
    ("BD", 23.8, 90.4),
    ("BE", 50.8, 4.4),
    ("BG", 42.7, 23.3),
    ("BH", 26.2, 50.6),
    ("BO", -16.5, -68.1),
    ("BR", -22.9, -45.0),
    ("BY", 53.9, 27.6),
    ("CA", 44.5, -77.0),
    ("CD", -4.3, 15.3),
    ("CH", 47.2, 8.0),
    ("CI", 5.3, -4.0),
    ("CL", -33.4, -70.7),
    ("CM", 4.0, 9.7),
    ("CN", 33.0, 115.0),
    ("CO", 4.7, -74.1),
    ("CR", 9.9, -84.1),
    ("CY", 35.0, 33.2),
    ("CZ", 50.0, 15.0),
    ("DE", 50.8, 9.0),
    ("DK", 55.7, 11.5),
    ("DO", 18.5, -69.9),
    ("DZ", 36.5, 3.0),
    ("EC", -1.0, -79.0),
    ("EE", 59.4, 24.8),
    ("EG", 30.0, 31.2),
    ("ES", 40.4, -3.0),
    ("ET", 9.0, 38.7),
    ("FI", 60.8, 24.5),
    ("FR", 48.0, 2.5),
    ("GB", 52.2, -1.3),
    ("GE", 41.7, 44.8),
    ("GH", 5.6, -0.2),
    ("GR", 38.2, 23.5),
    ("GT", 14.6, -90.5),
    ("HK", 22.3, 114.2),
    ("HN", 14.1, -87.2),
    ("HR", 45.6, 16.0),
    ("HU", 47.5, 19.1),
    ("ID", -6.6, 108.0),
    ("IE", 53.3, -6.5),
    ("IL", 32.0, 34.8),
    ("IN", 21.0, 78.0),
    ("IQ", 33.3, 44.4),
    ("IR", 34.5, 51.4),
    ("IS", 64.1, -21.9),
    ("IT", 43.5, 11.5),
    ("JO", 31.9, 35.9),
    ("JP", 35.4, 137.5),
    ("KE", -1.3, 36.8),
    ("KH", 11.6, 104.9),
    ("KR", 37.0, 127.3),
    ("KW", 29.4, 48.0),
    ("KZ", 46.0, 74.0),
    ("LB", 33.9, 35.5),
    ("LK", 6.9, 80.0),
    ("LT", 54.9, 24.5),
    ("LU", 49.6, 6.1),
    ("LV", 56.9, 24.1),
    ("LY", 32.9, 13.2),
    ("MA", 33.6, -7.0),
    ("MD", 47.0, 28.8),
    ("ME", 42.4, 19.3),
    ("MK", 42.0, 21.4),
    ("MM", 17.0, 96.2),
    ("MN", 47.9, 106.9),
    ("MT", 35.9, 14.5),
    ("MU", -20.2, 57.5),
    ("MX", 20.5, -100.0),
    ("MY", 3.1, 101.7),
    ("MZ", -25.9, 32.6),
    ("NG", 7.5, 5.0),
    ("NI", 12.1, -86.3),
    ("NL", 52.1, 5.0),
    ("NO", 60.0, 10.0),
    ("NP", 27.7, 85.3),
    ("NZ", -38.5, 175.5),
    ("OM", 23.6, 58.4),
    ("PA", 9.0, -79.5),
    ("PE", -12.0, -77.0),
    ("PH", 14.6, 121.0),
    ("PK", 30.0, 71.5),
    ("PL", 51.9, 19.5),
    ("PT", 39.5, -8.6),
    ("PY", -25.3, -57.6),
    ("QA", 25.3, 51.5),
    ("RO", 45.2, 25.5),
    ("RS", 44.5, 20.6),
    ("RU", 55.0, 42.0),
    ("RW", -1.9, 30.1),
    ("SA", 24.7, 45.0),
    ("SE", 58.8, 16.0),
    ("SG", 1.35, 103.8),
    ("SI", 46.1, 14.6),
    ("SK", 48.5, 18.5),
    ("SN", 14.7, -17.4),
    ("SV", 13.7, -89.2),
    ("SY", 34.5, 37.0),
    ("TH", 14.0, 100.6),
    ("TN", 36.4, 10.2),
    ("TR", 39.8, 31.0),
    ("TW", 24.5, 121.1),
    ("TZ", -6.8, 37.5),
    ("UA", 49.5, 31.5),
    ("UG", 0.3, 32.6),
    ("US", 38.5, -90.0),
    ("UY", -34.8, -56.2),
    ("UZ", 41.0, 68.0),
    ("VE", 10.3, -67.0),
    ("VN", 15.0, 106.5),
    ("YE", 15.0, 44.5),
    ("ZA", -27.5, 28.5),
    ("ZM", -15.0, 28.3),
    ("ZW", -18.0, 31.0),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn country(text: &str) -> Country {
        text.parse().unwrap()
    }

    #[test]
    fn countries_are_two_letters() {
        assert_eq!(country("de").to_string(), "DE");
        for bad in ["", "D", "DEU", "D1", "ÄÖ"] {
            assert!(bad.parse::<Country>().is_err(), "{bad}");
        }
    }

    #[test]
    fn distances_are_those_of_the_map() {
        let km = |a, b| kilometres(country(a), country(b)).unwrap();
        assert!((200.0..500.0).contains(&km("DE", "NL")), "{}", km("DE", "NL"));
        assert!((6500.0..8500.0).contains(&km("DE", "US")), "{}", km("DE", "US"));
        assert!(
            (15_000.0..18_000.0).contains(&km("GB", "AU")),
            "{}",
            km("GB", "AU")
        );
        assert_eq!(kilometres(country("DE"), country("ZZ")), None);
        assert!((100.0..140.0).contains(&round_trip_ms(km("DE", "US"))));
    }

    #[test]
    fn every_place_is_a_country_once() {
        let mut seen = std::collections::HashSet::new();
        for (name, latitude, longitude) in PLACES {
            assert!(seen.insert(country(name)), "{name}");
            assert!(latitude.abs() <= 90.0 && longitude.abs() <= 180.0, "{name}");
        }
    }
}
