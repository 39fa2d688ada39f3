#!/usr/bin/env bash
#   native/quiche/rebase.sh                  onto the newest release: only a report
#   native/quiche/rebase.sh 0.31.0           onto that one
#   native/quiche/rebase.sh --write          and replaces the patches and CHECKSUM, if none conflicts
#
# Carries the series of patches/ to another release of quiche by three-way merges, in a repository of its own that is thrown away.
# One line for each patch; exit code 1 when one conflicts. A patch behind a conflict is tried without it, so it may conflict for
# that reason alone.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

die() { printf 'rebase.sh: %s\n' "$1" >&2; exit 2; }
write=false wanted='*'
for argument in "$@"; do
	case $argument in
	--write) write=true ;;
	[0-9]*) wanted="=$argument" ;;
	*) sed -n '2,/^set /s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; [[ $argument == --help ]]; exit ;;
	esac
done
for tool in cargo git patch; do command -v "$tool" >/dev/null || die "$tool is missing"; done

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
read -r _ crate <patches/CHECKSUM
old=${crate#quiche-}; old=${old%.crate}

fetch() { # fetch REQUIREMENT: sets version, archive
	local project=$scratch/fetch
	rm -rf "$project"; mkdir -p "$project/src"; : >"$project/src/lib.rs"
	printf '[package]\nname = "fetch"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\nquiche = "%s"\n' \
		"$1" >"$project/Cargo.toml"
	(cd "$project" && cargo fetch --quiet) || die "cargo could not fetch quiche $1; is that a release of it?"
	version=$(sed -n '/^name = "quiche"$/{n;s/version = "\(.*\)"/\1/p}' "$project/Cargo.lock")
	local found=("${CARGO_HOME:-$HOME/.cargo}"/registry/cache/*/"quiche-$version.crate")
	archive=${found[0]}
	[[ -f $archive ]] || die "quiche-$version.crate is not in cargo's cache after the fetch; is CARGO_HOME right?"
}

tree=$scratch/quiche
repository() { git -C "$tree" -c user.name=rebase -c user.email=rebase@localhost -c core.autocrlf=false "$@"; }
release() { # release REQUIREMENT: that release, and nothing else, as a commit
	fetch "$1"
	find "$tree" -mindepth 1 -maxdepth 1 ! -name .git -exec rm -rf {} +
	tar -xzf "$archive" -C "$tree" --strip-components=1
	repository add --all --force
	repository commit --quiet --allow-empty --message "quiche $version"
}

mkdir "$tree"
repository init --quiet
release "=$old"
base=$(repository rev-parse HEAD)
series=(patches/[0-9][0-9]-*.patch)
for file in "${series[@]}"; do
	patch -p1 --fuzz=0 --silent --no-backup-if-mismatch -d "$tree" <"$file" || die "$file does not apply to quiche $old"
	repository add --all --force
	repository commit --quiet --message "$file"
done
commits=($(repository rev-list --reverse "$base..HEAD"))

repository checkout --quiet --detach "$base"
release "$wanted"
printf 'quiche %s -> %s, %d patches\n' "$old" "$version" "${#series[@]}"
conflicts=0 rebased=$scratch/rebased
mkdir "$rebased"
for index in "${!series[@]}"; do
	name=$(basename "${series[index]}" .patch)
	if repository cherry-pick --allow-empty "${commits[index]}" >/dev/null 2>&1; then
		repository diff --no-renames HEAD~ HEAD >"$rebased/$name.patch"
		printf '%-28s ok, %s\n' "$name" "$(repository diff --shortstat HEAD~ HEAD | sed 's/^ *//')"
		continue
	fi
	conflicts=$((conflicts + 1))
	where=$(repository diff --name-only --diff-filter=U | while read -r path; do
		printf ' %s (%d)' "$path" "$(grep -c '^<<<<<<<' "$tree/$path")"
	done)
	printf '%-28s CONFLICT in%s\n' "$name" "${where:- files that are gone}"
	repository cherry-pick --abort 2>/dev/null || repository reset --quiet --hard
done
printf '%d of %d patches conflict\n' "$conflicts" "${#series[@]}"
((conflicts == 0)) || exit 1
if $write; then
	cp "$rebased"/*.patch patches/
	printf '%s  %s\n' "$(sha256sum "$archive" | cut -d ' ' -f 1)" "$(basename "$archive")" >patches/CHECKSUM
	printf 'patches/ and CHECKSUM are those of quiche %s. Next: its version in Cargo.toml, prepare.sh, test.sh.\n' "$version"
fi
