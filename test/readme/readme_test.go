package readme

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const root = "../.."

// block is a fenced block of the README.
type block struct {
	language string
	marker   string // the comment in the line before it
	text     string
}

var (
	fenced = regexp.MustCompile("(?ms)^(?:<!-- ([^\n]*) -->\n)?```([a-z]*)\n(.*?)^```$")
	link   = regexp.MustCompile(`\]\(([^)]+)\)`)
	span   = regexp.MustCompile("`([^`\n]+)`")
)

func readme(t *testing.T) (string, []block) {
	t.Helper()
	data, err := os.ReadFile(root + "/README.md")
	if err != nil {
		t.Fatal(err)
	}
	var blocks []block
	for _, m := range fenced.FindAllStringSubmatch(string(data), -1) {
		blocks = append(blocks, block{marker: m[1], language: m[2], text: m[3]})
	}
	if fences := strings.Count(string(data), "\n```"); fences != 2*len(blocks) {
		t.Fatalf("%d fences, but %d blocks", fences, len(blocks))
	}
	return string(data), blocks
}

// commands are all sh blocks, as one script.
func commands(blocks []block) string {
	var script strings.Builder
	for _, b := range blocks {
		if b.language == "sh" {
			script.WriteString(b.text)
		}
	}
	return script.String()
}

// prelude makes the place that the commands are run in: a machine whose /etc, /var/lib and
// /usr/local they may change. It is root's already, and off every network: pip takes what "make
// test" has installed. make is kept from running this test inside itself, and from measuring for
// minutes. An ordinary user copies what of /etc it may read.
const prelude = `
cp -a /etc /run/etc 2>/run/not-copied || [ ! -r /etc/shadow ]
mount --bind /run/etc /etc
mount -t tmpfs tmpfs /var/lib
export PREFIX=/run/usr-local PATH="/run/usr-local/bin:$VENV/bin:$PATH"
export PKG_CONFIG_PATH=$PREFIX/lib/pkgconfig LD_LIBRARY_PATH=$PREFIX/lib
make() {
	case "$*" in
	test*) command make --dry-run "$@" >/dev/null ;;
	bench) command make --silent bench QUICK=1 ONLY="bridge + host-local" ;;
	*) command make --silent "$@" ;;
	esac
}
pip() {
	[ "$1" = install ]
	shift
	packages=$(python3 -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
	case $packages in *build/python/*) ;; *) echo "not in a virtual environment"; exit 1 ;; esac
	"$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --no-index --no-deps \
		--no-build-isolation --target "$packages" "$@"
}
set -x
`

func TestEveryBlockOfCommandsRuns(t *testing.T) {
	library := os.Getenv("CNI_LIBRARY")
	if library == "" {
		t.Fatal(`CNI_LIBRARY is not set; run "make test"`)
	}
	_, blocks := readme(t)
	session := exec.Command("test/isolate", "sh", "-euc", prelude+commands(blocks))
	session.Dir = root
	session.Env = append(os.Environ(), "VENV="+filepath.Join(filepath.Dir(library), "venv"),
		"MAKEFLAGS=", "MAKELEVEL=")
	out, err := session.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{
		"ok   no attachment is left",             // make demo
		`"address":"10.1.0.2/24"`,                // the C program
		"c2 has 10.1.0.3/24",                     // the Python program
		"attached: ['c1', 'c2']",                 //
		"10.1.0.2/24  -      attached",           // cni list
		"10.1.0.2/24, gateway 10.1.0.1",          // cni inspect
		`"name":"web"`,                           // cni call networks
		"host-local  built in",                   // cni plugin
		"| bridge + host-local | libcni | add |", // make bench
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("nothing says %q", want)
		}
	}
	if t.Failed() {
		t.Logf("%s", out)
	}
}

func TestExamplesAreWhatIsInTheirFiles(t *testing.T) {
	_, blocks := readme(t)
	quoted := 0
	for _, b := range blocks {
		if b.language == "sh" {
			continue
		}
		if b.marker == "" {
			t.Errorf("this block is neither run nor quoted from a file:\n%s", b.text)
			continue
		}
		quoted++
		data, err := os.ReadFile(filepath.Join(root, b.marker))
		if err != nil {
			t.Error(err)
			continue
		}
		if !strings.Contains(string(data), b.text) || strings.Count(b.text, "\n") < 10 {
			t.Errorf("%s is not quoted as it is", b.marker)
		}
	}
	if quoted != 2 {
		t.Errorf("%d examples, want one in C and one in Python", quoted)
	}
}

// mentioned are commands that stand in a sentence and are run by another test.
var mentioned = []string{
	"make deps", "make uninstall", "cni --verbose add", "make test STEPS=core",
	"make test STEPS=programs", "cni schema", "cni repair --all",
}

func TestCommandsInSentencesAreRunToo(t *testing.T) {
	text, blocks := readme(t)
	script := commands(blocks)
	text = fenced.ReplaceAllString(text, "")
	for _, m := range span.FindAllStringSubmatch(text, -1) {
		command, _, _ := strings.Cut(m[1], " ")
		switch command {
		case "make", "cni", "pip", "python3":
		default:
			continue
		}
		known := strings.Contains(script, m[1])
		for _, other := range mentioned {
			known = known || m[1] == other
		}
		if !known {
			t.Errorf("%q is in no block of commands", m[1])
		}
	}
}

func TestLinksLeadToFiles(t *testing.T) {
	text, _ := readme(t)
	for _, m := range link.FindAllStringSubmatch(text, -1) {
		if strings.Contains(m[1], "://") {
			continue
		}
		path, heading, _ := strings.Cut(m[1], "#")
		target, err := os.ReadFile(filepath.Join(root, path))
		if info, statErr := os.Stat(filepath.Join(root, path)); statErr == nil && info.IsDir() {
			continue
		}
		words := strings.ReplaceAll(regexp.QuoteMeta(heading), "-", " ")
		if err != nil || heading != "" && !regexp.MustCompile(`(?im)^#+ `+words+`$`).Match(target) {
			t.Errorf("%s: %v, or no such heading", m[1], err)
		}
	}
}
