//! `odoo.conf`, all of it ours.

use std::fmt::{Display, Write};

use ocore_domain::instance::Settings;
use secrecy::{ExposeSecret, SecretString};

use crate::{Version, command::DATA_DIR};

/// What a configuration file is made of.
#[derive(Debug)]
pub struct Conf<'a> {
    /// The one database that is served.
    pub database: &'a str,
    /// PostgreSQL's host.
    pub database_host: &'a str,
    /// PostgreSQL's port.
    pub database_port: u16,
    /// The role that owns the database.
    pub database_user: &'a str,
    /// Its password.
    pub database_password: &'a SecretString,
    /// The password of Odoo's database manager, which is off all the same.
    pub master_password: &'a SecretString,
    /// What a person chose.
    pub settings: &'a Settings,
    /// The version of Odoo that will read it.
    pub version: Version,
    /// Whether a proxy stands before it that sets the `X-Forwarded-*` headers.
    pub proxy_mode: bool,
    /// Folders of add-ons beside Odoo's own.
    pub addons_path: &'a [String],
}

/// The text of the file. It holds passwords.
///
/// A value is one line whatever it holds: control characters are left out of it.
pub fn render(conf: &Conf<'_>) -> SecretString {
    let settings = conf.settings;
    let mut file = File("[options]\n".to_owned());

    // One database, known beforehand: nobody can list, create or choose another.
    file.set("db_name", conf.database);
    file.set("dbfilter", format!("^{}$", escape(conf.database)));
    file.set("list_db", "False");
    file.set("admin_passwd", conf.master_password.expose_secret());

    file.set("db_host", conf.database_host);
    file.set("db_port", conf.database_port);
    file.set("db_user", conf.database_user);
    file.set("db_password", conf.database_password.expose_secret());

    // Without it 19.0 warns, and 20.0 listens on the container's loopback only.
    file.set("http_interface", "0.0.0.0");
    file.set("http_port", 8069);
    file.set("gevent_port", 8072);
    file.set("proxy_mode", if conf.proxy_mode { "True" } else { "False" });

    file.set("data_dir", DATA_DIR);
    if !conf.addons_path.is_empty() {
        file.set("addons_path", conf.addons_path.join(","));
    }

    file.set("workers", settings.workers);
    file.set("max_cron_threads", settings.max_cron_threads);
    file.set("limit_memory_soft", settings.limit_memory_soft);
    file.set("limit_memory_hard", settings.limit_memory_hard);
    file.set("limit_time_cpu", settings.limit_time_cpu);
    file.set("limit_time_real", settings.limit_time_real);

    // No log file: the container's output is the log.
    file.set("log_level", &settings.log_level);
    file.0.into()
}

struct File(String);

impl File {
    fn set(&mut self, key: &str, value: impl Display) {
        let value = value.to_string();
        let value: String = value
            .chars()
            .filter(|c| !c.is_control() && !is_line_end(*c))
            .collect();
        // One space on each side: images read values from this file with `cut`. Writing to a String cannot fail.
        let _ = writeln!(self.0, "{key} = {value}");
    }
}

/// What Python takes for the end of a line though it is no control character.
fn is_line_end(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}')
}

/// A text as a regular expression that matches it alone.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        if !c.is_alphanumeric() && c != '_' {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A whole configuration; `change` spoils or extends it before it is rendered.
    fn rendered(addons_path: &[String], change: impl FnOnce(&mut Conf<'_>)) -> String {
        let settings = Settings::new("odoo:19".into(), 2, 3200 << 20);
        let (database_password, master_password) = ("db-secret".into(), "master-secret".into());
        let mut conf = Conf {
            database: "odoo_acme",
            database_host: "ocore-postgres",
            database_port: 5432,
            database_user: "odoo_acme",
            database_password: &database_password,
            master_password: &master_password,
            settings: &settings,
            version: Version::V19,
            proxy_mode: true,
            addons_path,
        };
        change(&mut conf);
        let text = render(&conf);
        let shown = format!("{conf:?} {text:?}");
        assert!(
            !shown.contains("db-secret") && !shown.contains("master-secret"),
            "{shown}"
        );
        text.expose_secret().to_owned()
    }

    #[test]
    fn the_whole_file() {
        insta::assert_snapshot!(rendered(&[], |_| ()), @r#"
        [options]
        db_name = odoo_acme
        dbfilter = ^odoo_acme$
        list_db = False
        admin_passwd = master-secret
        db_host = ocore-postgres
        db_port = 5432
        db_user = odoo_acme
        db_password = db-secret
        http_interface = 0.0.0.0
        http_port = 8069
        gevent_port = 8072
        proxy_mode = True
        data_dir = /var/lib/odoo
        workers = 2
        max_cron_threads = 2
        limit_memory_soft = 2147483648
        limit_memory_hard = 2684354560
        limit_time_cpu = 60
        limit_time_real = 120
        log_level = info
        "#);
    }

    #[test]
    fn addons_are_listed_when_there_are_any() {
        let text = rendered(
            &["/mnt/extra-addons".to_owned(), "/mnt/enterprise".to_owned()],
            |_| (),
        );
        assert!(
            text.contains("\naddons_path = /mnt/extra-addons,/mnt/enterprise\n"),
            "{text}"
        );
    }

    #[test]
    fn no_value_can_add_a_key() {
        let text = rendered(&[], |conf| {
            conf.database = "a.b\nlist_db = True";
            conf.database_user = "u\r\n[options]\u{85}x = 1\u{2028}y = 2";
        });
        assert_eq!(text.lines().count(), rendered(&[], |_| ()).lines().count());
        assert!(text.contains("\ndbfilter = ^a\\.b"), "{text}");
        assert_eq!(
            text.lines()
                .filter(|line| line.starts_with("list_db"))
                .collect::<Vec<_>>(),
            ["list_db = False"]
        );
    }
}
