"""the digest of pieces."""

import sqlalchemy as sa
from alembic import op


revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
    # not in a batch: SQLite would make the table anew, which instances refer to.
    # It stays empty for the images of before until bmprov api starts (bmprov/serve.py).
    op.add_column('images', sa.Column('raw_tree_sha512', sa.Text(), server_default='', nullable=False))
    op.drop_column('images', 'raw_sha256')
