//! Whether an instance serves: its page answers, *and* its own database answers. Odoo's health page alone says 200
//! with its database down.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use ocore_domain::{Code, Problem};
use ocore_fleet::{Engine, Host};
use ocore_odoo::health;
use ocore_store::instances::Instance;
use tokio::time::{Instant, sleep, timeout};

use super::{container, psql};
use crate::engine::Ctx;

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(10);
/// How long Odoo may take to come up.
pub(crate) const COME_UP: Duration = Duration::from_secs(180);

/// Waits until an instance serves, or says why it does not, with its last log lines.
pub(crate) async fn wait(
    ctx: &Ctx,
    host: &dyn Host,
    engine: &Engine,
    instance: &Instance,
) -> Result<(), Problem> {
    let began = Instant::now();
    let port = instance
        .http()
        .ok_or_else(|| Problem::internal("the instance has no port"))?;
    let mut pause = Duration::from_millis(150);
    let page = loop {
        match page(host, port).await {
            Ok(()) => break Ok(()),
            Err(problem) if began.elapsed() > COME_UP => break Err(problem),
            Err(_) => {}
        }
        container::check_running(engine, instance).await?;
        sleep(pause).await;
        pause = (pause * 5 / 4).min(Duration::from_secs(1));
    };
    if let Err(problem) = page {
        let lines = container::last_lines(engine, instance, 20).await;
        return Err(Problem::new(
            Code::OdooFailedToStart,
            format!(
                "Odoo did not answer within {} s: {}. Its last lines:\n{lines}",
                COME_UP.as_secs(),
                problem.detail
            ),
            "Mend what the lines complain of, then retry.",
        ));
    }
    database(engine, instance).await?;
    ctx.info(format!(
        "Odoo answers after {:.1} s, and so does its database",
        began.elapsed().as_secs_f64()
    ));
    Ok(())
}

/// Asks for `/web/health`.
pub(crate) async fn page(host: &dyn Host, port: u16) -> Result<(), Problem> {
    let fault = |what: String| Problem::new(Code::OdooFailedToStart, what, "Look at the instance's log.");
    let asked = async {
        let stream = host.connect(port).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| fault(format!("no HTTP on port {port}: {error}")))?;
        let driver = tokio::spawn(connection);
        let request = Request::get(health::WEB_PATH)
            .header("host", format!("127.0.0.1:{port}"))
            .header("connection", "close")
            .body(Empty::<Bytes>::new())
            .map_err(Problem::internal)?;
        let answer = sender.send_request(request).await;
        let answer = answer.map_err(|error| fault(format!("no answer on port {port}: {error}")))?;
        let status = answer.status();
        // Read to its end, so that the channel closes in good order.
        let _ = answer.into_body().collect().await;
        driver.abort();
        if status == StatusCode::OK {
            Ok(())
        } else {
            Err(fault(format!("{} answers {status}", health::WEB_PATH)))
        }
    };
    timeout(ANSWER, asked)
        .await
        .unwrap_or_else(|_| Err(fault(format!("no answer within {} s", ANSWER.as_secs()))))
}

/// Asks the instance's own database.
async fn database(engine: &Engine, instance: &Instance) -> Result<(), Problem> {
    let answer = psql::query(engine, &instance.names().database, health::DATABASE_QUERY).await?;
    if answer.is_empty() {
        return Err(Problem::new(
            Code::DatabaseFailed,
            format!("The database {} is not initialised", instance.names().database),
            "Delete the instance and create it again.",
        ));
    }
    Ok(())
}
