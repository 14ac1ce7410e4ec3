"""Settings of `ingest.<role>`: where the raw files come from."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from tasks.contracts.section import Section


class PackageSource(Section):
    """A data file inside an installed Python package."""

    source: Literal["package"] = Field(description="the data come from an installed package")
    package: str = Field(description="name that the package is imported by")
    path: str = Field(description="path of the file inside the package")
    tracked: Literal["plan/ingest/base.json", "plan/ingest/target.json"] = Field(
        description="what DVC watches for new data: the plan file of this stage, which holds the package's version"
    )


class PathSource(Section):
    """A file, a folder or an archive (zip, tar) of your own."""

    source: Literal["path"] = Field(description="the data lie on this machine")
    tracked: str = Field(description="the file, folder or archive; DVC watches it for new data")


class UrlSource(Section):
    """A file, a folder or an archive on another machine, by any protocol that fsspec knows."""

    source: Literal["url"] = Field(description="the data lie on another machine")
    url: Annotated[str, Field(pattern=r"^[a-z][a-z0-9+.-]*://[^/].*$")] = Field(
        description="address of the file, folder or archive, such as s3://bucket/images"
    )
    tracked: str = Field(
        description="what DVC watches for new data: the URL again where DVC knows the protocol (s3, gs, azure, https, "
        "ssh); otherwise, or where asking takes too long, a file that you change when the data change"
    )

    @field_validator("url", "tracked")
    @classmethod
    def _without_password(cls, value: str) -> str:
        if ":" in value.partition("://")[2].rpartition("@")[0].partition("/")[0]:
            raise ValueError("a password in it; this file is in git: credentials are environment (AWS_PROFILE ...)")
        return value


Ingest = Annotated[PackageSource | PathSource | UrlSource, Field(discriminator="source")]
