// Command init is the first and only process of the tests' virtual machine: it loads kernel
// modules, runs Go test binaries one after the other, and turns the machine off.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Lines for test/vm/run, which reads the console.
const (
	began = "VM BEGAN "
	ended = "VM ENDED "
	done  = "VM DONE"
)

func main() {
	if err := serve(); err != nil {
		fmt.Println("VM FAILED", err)
	} else {
		fmt.Println(done)
	}
	syscall.Sync()
	fmt.Println(syscall.Reboot(syscall.LINUX_REBOOT_CMD_POWER_OFF)) // returns only on failure
}

func serve() error {
	for _, m := range [][2]string{
		{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}, {"tmpfs", "/tmp"}, {"tmpfs", "/run"},
	} {
		if err := os.MkdirAll(m[1], 0o755); err != nil {
			return err
		}
		if err := syscall.Mount(m[0], m[1], m[0], 0, ""); err != nil {
			return fmt.Errorf("mount %s: %w", m[1], err)
		}
	}
	modules, err := os.ReadFile("/modules/order")
	if err != nil {
		return err
	}
	for _, name := range strings.Fields(string(modules)) {
		if err := load("/modules/" + name + ".ko"); err != nil {
			return fmt.Errorf("module %s: %w", name, err)
		}
	}
	return tests()
}

// tests runs each binary of /tests with the arguments in the file beside it.
func tests() error {
	binaries, err := filepath.Glob("/tests/*.test")
	if err != nil {
		return err
	}
	for _, binary := range binaries {
		args, err := os.ReadFile(binary + ".args")
		if err != nil {
			return err
		}
		cmd := exec.Command(binary, strings.Fields(string(args))...)
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		cmd.Env = []string{"PATH=/", "TMPDIR=/tmp", "HOME=/tmp"}
		fmt.Println(began + filepath.Base(binary))
		err = cmd.Run()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			return err
		}
		fmt.Printf("%s%s %d\n", ended, filepath.Base(binary), cmd.ProcessState.ExitCode())
	}
	return nil
}

// load is insmod.
func load(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	return unix.FinitModule(int(file.Fd()), "", 0)
}
