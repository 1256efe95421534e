//! A database's identity: what must differ between two databases made from one template.

use base64::{Engine, alphabet::Alphabet, engine::GeneralPurpose, engine::general_purpose::NO_PAD};
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha512;
use uuid::Uuid;

/// The login of the administrator of a new database.
pub const ADMIN_LOGIN: &str = "admin";

/// Odoo's least number of rounds since 17.0; a hash with fewer is replaced at the first login.
const ROUNDS: u32 = 600_000;

/// A password as Odoo keeps it: passlib's `pbkdf2_sha512`.
///
/// It is meant to be slow: some tenths of a second of CPU, and many seconds in a build without optimisation. Call it
/// where blocking is allowed.
pub fn hash_password(plain: &SecretString, salt: [u8; 16]) -> SecretString {
    pbkdf2_sha512(plain, salt, ROUNDS)
}

fn pbkdf2_sha512(plain: &SecretString, salt: [u8; 16], rounds: u32) -> SecretString {
    let mut hash = [0; 64];
    pbkdf2::pbkdf2_hmac::<Sha512>(plain.expose_secret().as_bytes(), &salt, rounds, &mut hash);
    format!("$pbkdf2-sha512${rounds}${}${}", ab64(&salt), ab64(&hash)).into()
}

/// Passlib's "adapted base64": `.` for `+`, and no padding.
fn ab64(bytes: &[u8]) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789./";
    const ENGINE: GeneralPurpose = match Alphabet::new(ALPHABET) {
        Ok(alphabet) => GeneralPurpose::new(&alphabet, NO_PAD),
        Err(_) => panic!("64 distinct characters"),
    };
    ENGINE.encode(bytes)
}

/// The statements, for one run of `psql` that stops at errors, that make a copy of a template a database of its own:
/// a new name to Odoo's services, a new key for sessions and links, the administrator's login and password.
///
/// All or nothing, and the same result however often they run.
pub fn statements(
    uuid: Uuid,
    secret: &SecretString,
    created: DateTime<Utc>,
    password_hash: &SecretString,
    base_url: &str,
) -> SecretString {
    let parameters = [
        ("database.uuid", uuid.to_string()),
        ("database.secret", secret.expose_secret().to_owned()),
        (
            "database.create_date",
            created.format("%Y-%m-%d %H:%M:%S").to_string(),
        ),
        ("web.base.url", base_url.to_owned()),
    ];
    let parameters: Vec<String> = parameters
        .iter()
        .map(|(key, value)| {
            format!(
                "({}, {}, 1, 1, now() at time zone 'utc', now() at time zone 'utc')",
                literal(key),
                literal(value)
            )
        })
        .collect();
    format!(
        "begin;
insert into ir_config_parameter (key, value, create_uid, write_uid, create_date, write_date)
values {parameters}
on conflict (key) do update set value = excluded.value, write_date = excluded.write_date;
update res_users set login = {login}, password = {password}, active = true
where id = (select res_id from ir_model_data where module = 'base' and name = 'user_admin' and model = 'res.users');
do $ocore$ begin
  if not exists (select from res_users where login = {login} and active and password like '$pbkdf2-sha512$%') then
    raise exception 'this database has no administrator (base.user_admin)';
  end if;
end $ocore$;
commit;
",
        parameters = parameters.join(",\n       "),
        login = literal(ADMIN_LOGIN),
        password = literal(password_hash.expose_secret()),
    )
    .into()
}

/// A text as an SQL literal. Standard-conforming strings know one special character; a NUL cannot be sent at all.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\0', "").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_hashed_as_passlib_does() {
        // Made by passlib 1.7.4 as it is in the image `odoo:19`.
        let hash = pbkdf2_sha512(&"pä$$ 'word'".into(), *b"0123456789abcdef", 1000);
        assert_eq!(
            hash.expose_secret(),
            "$pbkdf2-sha512$1000$MDEyMzQ1Njc4OWFiY2RlZg$T6bup.y/MtkyTFs6XH170Ej7XAXILyiq5ZOAWoYjheXTkNwcNlRmX7UIcJA6/qsYhL1EVcO4.OLRt777SJH7DA"
        );
    }

    #[test]
    fn the_whole_script() {
        let script = statements(
            Uuid::from_u128(0x1234),
            &"s3cret'; drop table res_users; --".into(),
            DateTime::from_timestamp(1_795_000_000, 0).unwrap(),
            &"$pbkdf2-sha512$1$salt$hash".into(),
            "http://127.0.0.1:8069",
        );
        insta::assert_snapshot!(script.expose_secret(), @r#"
        begin;
        insert into ir_config_parameter (key, value, create_uid, write_uid, create_date, write_date)
        values ('database.uuid', '00000000-0000-0000-0000-000000001234', 1, 1, now() at time zone 'utc', now() at time zone 'utc'),
               ('database.secret', 's3cret''; drop table res_users; --', 1, 1, now() at time zone 'utc', now() at time zone 'utc'),
               ('database.create_date', '2026-11-18 11:06:40', 1, 1, now() at time zone 'utc', now() at time zone 'utc'),
               ('web.base.url', 'http://127.0.0.1:8069', 1, 1, now() at time zone 'utc', now() at time zone 'utc')
        on conflict (key) do update set value = excluded.value, write_date = excluded.write_date;
        update res_users set login = 'admin', password = '$pbkdf2-sha512$1$salt$hash', active = true
        where id = (select res_id from ir_model_data where module = 'base' and name = 'user_admin' and model = 'res.users');
        do $ocore$ begin
          if not exists (select from res_users where login = 'admin' and active and password like '$pbkdf2-sha512$%') then
            raise exception 'this database has no administrator (base.user_admin)';
          end if;
        end $ocore$;
        commit;
        "#);
    }
}
