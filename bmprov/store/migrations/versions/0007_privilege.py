"""privilege."""

import sqlalchemy as sa
from alembic import op


revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None


def upgrade() -> None:
    # not in a batch: SQLite would make the table anew, which instances refer to
    op.add_column('machines', sa.Column('bmc_privilege', sa.Text(), server_default='', nullable=False))
    op.add_column('second_bmcs', sa.Column('privilege', sa.Text(), server_default='', nullable=False))
