"""A Celery task that counts words into records, in workers that are forked.

    AEROSPIKE_HOSTS=127.0.0.1:18710 celery -A examples.celery_app worker --pool prefork
    python -c "from examples.celery_app import count; count.delay('to be or not to be')"

The client is connected once, when the worker's parent process loads the program; the processes that
are forked from it connect anew with their first operation. Broker: CELERY_BROKER_URL, or a folder.
"""

import os
from collections import Counter
from pathlib import Path

from celery import Celery

import aerospike_py

FOLDER = Path(os.environ.get("CELERY_FOLDER", "/tmp/celery-words"))
FOLDER.mkdir(parents=True, exist_ok=True)
SET = os.environ.get("AEROSPIKE_SET", "words")

app = Celery("words", broker=os.environ.get("CELERY_BROKER_URL", "filesystem://"))
app.conf.broker_transport_options = {
    "data_folder_in": str(FOLDER),
    "data_folder_out": str(FOLDER),
    "control_folder": str(FOLDER / "control"),
}
app.conf.task_ignore_result = True

client = aerospike_py.client(
    {"hosts": os.environ.get("AEROSPIKE_HOSTS", "127.0.0.1:18710").split(",")}
).connect()


@app.task  # type: ignore[untyped-decorator]
def count(text: str) -> None:
    """Adds each word's number to its record, and notes which process did."""
    for word, number in Counter(text.split()).items():
        client.increment(("test", SET, word), "count", number)
    client.increment(("test", SET, "(workers)"), f"p{os.getpid()}", 1)


if __name__ == "__main__":
    raise SystemExit("a worker runs this: celery -A examples.celery_app worker --pool prefork")
