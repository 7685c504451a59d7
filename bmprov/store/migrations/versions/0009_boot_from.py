"""boot from."""

import sqlalchemy as sa
from alembic import op


revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None


def upgrade() -> None:
    # not in a batch: SQLite would make the table anew, which instances refer to
    op.add_column('machines', sa.Column('boot_from', sa.Text(), server_default='network', nullable=False))
