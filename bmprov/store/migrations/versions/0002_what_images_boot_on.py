"""what images boot on."""

import sqlalchemy as sa
from alembic import op


revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('images', schema=None) as batch_op:
        batch_op.add_column(sa.Column('layout', sa.Text(), server_default='', nullable=False))
        batch_op.add_column(sa.Column('boot_modes', sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column('min_disk_bytes', sa.BigInteger(), server_default='0', nullable=False))
        batch_op.add_column(sa.Column('remarks', sa.Text(), server_default='', nullable=False))

    # nobody has looked into the images of before; that they must fit is known of them too
    op.execute('UPDATE images SET min_disk_bytes = raw_size_bytes')
