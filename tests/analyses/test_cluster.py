"""The same analyses on a Dask cluster of two worker processes: same bytes, and a lost worker changes none."""

from __future__ import annotations

import os
import signal
import socket
import time
from functools import partial

import numpy as np
import pandas as pd
import pytest

from genomics_dc.analyses import cluster, standardised_cohort
from genomics_dc.analyses.cluster import use_cluster
from genomics_dc.analyses.parallel import ordered_map, travels
from genomics_dc.analyses.view import open_store
from genomics_dc.errors import InputError, ResourceError, StoreError, UsageError
from genomics_dc.store import build_store
from tests.analyses import cluster_tasks
from tests.builders import write_cohort_vcf

distributed = pytest.importorskip("distributed", reason="distributed is not installed: genomics_dc[cluster]")

N_CHUNKS = 6


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cluster")
    vcf = write_cohort_vcf(
        folder / "c.vcf", n_samples=30, n_variants=1000 * N_CHUNKS - 40, many_alleles=30, seed=4, depth=True
    )
    build_store(vcf, folder / "c.vcz")
    return open_store(folder / "c.vcz")


@pytest.fixture(scope="module")
def people(cohort):
    rng = np.random.default_rng(3)
    n = cohort.n_samples
    return pd.DataFrame(
        {
            "sample_id": [str(name) for name in cohort.sample_ids],
            "height": rng.normal(size=n),
            "weight": np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n)),
            "case": rng.integers(0, 2, n),
        }
    )


@pytest.fixture(scope="module")
def client():
    import dask

    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
        ) as local,
        distributed.Client(local, set_as_default=False) as client,
    ):
        yield client


def address_of(client):
    return client.scheduler.address


def test_blocks_are_read_by_the_workers_and_answers_keep_their_order(cohort, client):
    here = list(ordered_map(cluster_tasks.places, cohort.blocks("dosage")))
    with use_cluster(address_of(client)):
        there = list(ordered_map(cluster_tasks.places, cohort.blocks("dosage")))
    assert [answer[1:] for answer in there] == [answer[1:] for answer in here]
    assert len(here) == N_CHUNKS
    pids = {answer[0] for answer in there}
    assert pids
    assert pids <= set(client.run(os.getpid).values())  # one worker may have been quick enough to do all


def test_cut_blocks_and_chosen_samples_and_variants_travel(cohort, client):
    view = cohort.samples(cohort.sample_ids[[7, 3, 11]]).variants(index=np.arange(5, 4000, 3))
    here = [answer[1:] for answer in ordered_map(cluster_tasks.places, view.blocks("dosage").cut(100))]
    with use_cluster(client):
        there = [answer[1:] for answer in ordered_map(cluster_tasks.places, view.blocks("dosage").cut(100))]
    assert there == here
    assert len(here) > 2 * len(list(view.blocks("dosage").rows_of_chunks()))


@pytest.fixture
def journeys(monkeypatch):
    """How often blocks were sent to the workers."""
    sent = []

    real = cluster.ordered_tasks

    def counted(client, function, blocks, items):
        sent.append(function)
        return real(client, function, blocks, items)

    monkeypatch.setattr(cluster, "ordered_tasks", counted)
    monkeypatch.setattr(standardised_cohort, "ordered_tasks", counted)
    return sent


@pytest.mark.parametrize("options", [{}, {"sex": True, "batches": True}], ids=["plain", "tables"])
@pytest.mark.parametrize("some", [False, True], ids=["all", "some"])
def test_quality_has_the_same_bytes(cohort, client, tmp_path, journeys, options, some):
    ids = [str(name) for name in cohort.sample_ids]
    facts = pd.DataFrame({"sample_id": ids, "sex": [1, 2] * 15, "batch": ["a", "b", "c"] * 10})
    options = dict.fromkeys(options, facts)
    view = cohort.samples(ids[20:2:-1]).variants(maf=0.05) if some else cohort
    here = view.qc(threads=2, **options)
    with use_cluster(client):
        there = view.qc(threads=2, **options)
    assert len(journeys) >= 4  # two bits, whole genotypes, depth, quality
    for table in ("variants", "samples", "steps"):
        assert getattr(there, table).table.equals(getattr(here, table).table)
        one, other = (
            getattr(result, table).write(tmp_path / f"{table}{number}.parquet")
            for number, result in enumerate((here, there))
        )
        assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize(("model", "traits"), [("linear", ["height", "weight"]), ("logistic", ["case"])])
def test_association_has_the_same_bytes(cohort, people, client, tmp_path, journeys, model, traits):
    options = {"traits": traits, "covariates": None, "model": model}
    cohort.associate(people, **options, threads=2).write(tmp_path / "here.parquet")
    with use_cluster(client):
        cohort.associate(people, **options).write(tmp_path / "there.parquet")
    assert journeys
    assert (tmp_path / "here.parquet").read_bytes() == (tmp_path / "there.parquet").read_bytes()


@pytest.mark.parametrize("some", [False, True], ids=["all", "some"])
def test_components_have_the_same_bytes(cohort, client, tmp_path, journeys, some):
    view = cohort.samples(cohort.sample_ids[25:2:-1]).variants(maf=0.2) if some else cohort
    view.pca(3, threads=2).write(tmp_path / "here.parquet")
    with use_cluster(client):
        there = view.pca(3)
    there.write(tmp_path / "there.parquet")
    assert len(journeys) > 2  # counts, and a journey a pass
    assert (tmp_path / "here.parquet").read_bytes() == (tmp_path / "there.parquet").read_bytes()


def test_frequencies_have_the_same_bytes(cohort, client, tmp_path, journeys):
    cohort.frequencies().write(tmp_path / "here.parquet")
    with use_cluster(client):
        cohort.frequencies().write(tmp_path / "there.parquet")
    assert journeys
    assert (tmp_path / "here.parquet").read_bytes() == (tmp_path / "there.parquet").read_bytes()


def test_a_task_whose_worker_dies_is_done_again(cohort, client, tmp_path):
    here = [int(block["dosage"].sum()) for block in cohort.blocks("dosage")]
    with use_cluster(client):
        there = list(ordered_map(partial(cluster_tasks.die_once, tmp_path / "died"), cohort.blocks("dosage")))
    assert (tmp_path / "died").exists()
    assert there == here


def test_a_worker_killed_in_the_middle_changes_no_byte(cohort, people, client, tmp_path):
    cohort.associate(people, traits=["height"]).write(tmp_path / "here.parquet")
    client.wait_for_workers(2, timeout=90)
    killed = []

    def kill(done, total):
        if not killed:
            pids = client.run(os.getpid)
            killed.extend(list(pids.values())[:1])
            os.kill(killed[0], signal.SIGKILL)

    with use_cluster(client):
        cohort.associate(people, traits=["height"], progress=kill).write(tmp_path / "there.parquet")
    assert killed
    assert (tmp_path / "here.parquet").read_bytes() == (tmp_path / "there.parquet").read_bytes()


def test_an_error_of_a_task_is_one_sentence_here(cohort, client):
    with use_cluster(client), pytest.raises(InputError, match=r"^row 0 is not what was expected; mend it$"):
        list(ordered_map(cluster_tasks.refuse, cohort.blocks("dosage")))


def test_a_task_that_takes_down_every_worker_is_told(cohort, client):
    with use_cluster(client), pytest.raises(ResourceError, match="took down one worker after another"):
        list(ordered_map(cluster_tasks.die, cohort.variants(index=[0, 1]).blocks("dosage")))
    client.wait_for_workers(2, timeout=90)


def test_a_worker_that_sees_another_store_is_told(cohort, client, tmp_path):
    build_store(write_cohort_vcf(tmp_path / "o.vcf", n_samples=3, n_variants=10), tmp_path / "o.vcz")
    view = open_store(tmp_path / "o.vcz")
    blocks = view.blocks("dosage")
    build_store(write_cohort_vcf(tmp_path / "p.vcf", n_samples=3, n_variants=9), tmp_path / "p.vcz")
    (tmp_path / "o.vcz").rename(tmp_path / "gone.vcz")
    with use_cluster(client):
        with pytest.raises(StoreError, match=r"worker on .* cannot open the store: .*o\.vcz is not there"):
            list(ordered_map(cluster_tasks.places, blocks))
        (tmp_path / "p.vcz").rename(tmp_path / "o.vcz")
        with pytest.raises(StoreError, match="sees another store under"):
            list(ordered_map(cluster_tasks.places, view.blocks("dosage")))


def test_an_address_without_a_scheduler_is_one_sentence(monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setattr("genomics_dc.analyses.cluster._CONNECT_S", 0.3)
    start = time.monotonic()
    with (
        pytest.raises(ResourceError, match=rf"no Dask scheduler answers at tcp://127.0.0.1:{port} .*dask scheduler"),
        use_cluster(f"tcp://127.0.0.1:{port}"),
    ):
        pass
    assert time.monotonic() - start < 5
    with pytest.raises(UsageError, match="nonsense is no address of a scheduler"), use_cluster("nonsense"):
        pass


def test_a_scheduler_without_workers_is_told():
    with (
        distributed.LocalCluster(n_workers=0, processes=False, dashboard_address=None) as empty,
        pytest.raises(ResourceError, match=r"no worker came to the scheduler .* within 0.2 s; start one with"),
        use_cluster(empty, wait_s=0.2),
    ):
        pass


def test_what_cannot_travel_stays_here(cohort, client):
    seen = []

    def own(block):
        seen.append(len(block))
        return os.getpid()

    assert not travels(own)
    assert not travels(lambda block: block)
    assert not travels(seen.append)
    assert travels(partial(cluster_tasks.die_once, None))
    with use_cluster(client):
        assert set(ordered_map(own, cohort.blocks("dosage"), threads=2)) == {os.getpid()}
        assert list(ordered_map(abs, [-1, 2], threads=2)) == [1, 2]
    assert sum(seen) == cohort.n_variants
    with use_cluster(None):
        assert list(ordered_map(abs, [-1])) == [1]
