//! What a test's operation leaves as its trace. The table is made by the test.

use ocore_domain::OperationId;
use sqlx::PgConnection;

use crate::Result;

/// Writes a row for an operation that has none.
pub async fn write_in_ledger(tx: &mut PgConnection, id: OperationId) -> Result<()> {
    sqlx::query(
        "insert into ledger (operation) select $1 where not exists (select from ledger where operation = $1)",
    )
    .bind(id.uuid())
    .execute(tx)
    .await?;
    Ok(())
}
