"""The section `ingest.<role>` of `params.yaml`: where the raw files come from."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from tasks.contracts.section import Section


class PackageSource(Section):
    """A data file inside an installed Python package."""

    source: Literal["package"]
    package: str
    path: str
    tracked: Literal["requirements.lock"]


class PathSource(Section):
    """A file, a folder or an archive (zip, tar) of the user's own."""

    source: Literal["path"]
    tracked: str


class UrlSource(Section):
    """A file, a folder or an archive on another machine: any protocol that fsspec knows.

    `tracked` is what DVC watches for new data: the URL again where DVC knows the protocol (s3, gs, azure, https, ssh),
    else, or where asking takes too long, a file that you change when the data do.
    """

    source: Literal["url"]
    url: Annotated[str, Field(pattern=r"^[a-z][a-z0-9+.-]*://[^/].*$")]
    tracked: str

    @field_validator("url", "tracked")
    @classmethod
    def _without_password(cls, value: str) -> str:
        if ":" in value.partition("://")[2].rpartition("@")[0].partition("/")[0]:
            raise ValueError("a password in it; this file is in git: credentials are environment (AWS_PROFILE ...)")
        return value


Ingest = Annotated[PackageSource | PathSource | UrlSource, Field(discriminator="source")]
