package hostlocal

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/libcni/libcni/core/internal/kit/kittest"
)

// The environment of a process that TestManyProcesses starts.
const (
	workerData   = "HOSTLOCAL_TEST_DATA"
	workerState  = "HOSTLOCAL_TEST_STATE"
	workerClaims = "HOSTLOCAL_TEST_CLAIMS"
	workerNumber = "HOSTLOCAL_TEST_NUMBER"
)

func TestMain(m *testing.M) {
	if os.Getenv(workerNumber) != "" {
		if err := work(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// contended has fewer free addresses than a round takes, so that they are reused all the time.
const contended = `"ranges":[[{"subnet":"10.1.0.0/27"}],[{"subnet":"fd00::/123"}]]`

const (
	processes  = 4
	goroutines = 5
	contention = 1500 * time.Millisecond
)

func TestManyProcesses(t *testing.T) {
	f := newFixture(t, contended)
	claims, otherState := t.TempDir(), t.TempDir()
	commands := make([]*exec.Cmd, processes)
	outputs := make([]strings.Builder, processes)
	for i := range commands {
		state := f.stateDir
		if i == 0 {
			state = otherState // as from another network namespace
		}
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = []string{workerData + "=" + f.dataDir, workerState + "=" + state,
			workerClaims + "=" + claims, workerNumber + "=" + strconv.Itoa(i)}
		cmd.Stdout, cmd.Stderr = &outputs[i], &outputs[i]
		kittest.Must(t, cmd.Start())
		commands[i] = cmd
	}
	total := 0
	for i, cmd := range commands {
		if err := cmd.Wait(); err != nil {
			t.Errorf("process %d: %v\n%s", i, err, outputs[i].String())
			continue
		}
		n, err := strconv.Atoi(strings.TrimSpace(outputs[i].String()))
		kittest.Must(t, err)
		total += n
	}
	t.Logf("%d times an address was given and released", total)
	if total < 100 {
		t.Errorf("only %d rounds were done: there was no contention", total)
	}
	if left := f.leases(t); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// work gives and releases addresses until the time is over, and prints how often.
func work() error {
	f := &fixture{
		dataDir:  os.Getenv(workerData),
		stateDir: os.Getenv(workerState),
		config:   contended,
		bootID:   thisBoot,
	}
	f.hostLocal = New().(*hostLocal)
	rounds := make([]int, goroutines)
	failures := make([]error, goroutines)
	end := time.Now().Add(contention)
	var all sync.WaitGroup
	for g := range goroutines {
		all.Go(func() {
			for time.Now().Before(end) && failures[g] == nil {
				failures[g] = f.round(
					fmt.Sprintf("p%s-g%d-%d", os.Getenv(workerNumber), g, rounds[g]),
				)
				rounds[g]++
			}
		})
	}
	all.Wait()
	total := 0
	for _, n := range rounds {
		total += n
	}
	fmt.Println(total)
	return errors.Join(failures...)
}

// round holds a claim on the addresses it is given for as long as it has them.
func (f *fixture) round(id string) error {
	got, err := f.add(id)
	if err != nil {
		return err
	}
	claims := []string{}
	for _, cidr := range strings.Fields(got) {
		claim := filepath.Join(os.Getenv(workerClaims), strings.ReplaceAll(cidr, "/", "-"))
		file, err := os.OpenFile(claim, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return fmt.Errorf("%s was given twice: %w", cidr, err)
		}
		file.Close()
		claims = append(claims, claim)
	}
	if rand.IntN(3) == 0 {
		if _, err := f.add(id); err == nil {
			return fmt.Errorf("%s was given a second address", id)
		}
	}
	for _, claim := range claims {
		if err := os.Remove(claim); err != nil {
			return err
		}
	}
	return f.Del(context.Background(), f.invocation("DEL", id))
}
