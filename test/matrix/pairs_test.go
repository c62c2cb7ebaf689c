package matrix

import "testing"

// TestAllPairsAreCovered holds for the settings of "make test".
func TestAllPairsAreCovered(t *testing.T) {
	covered := map[pair]bool{}
	chosen := covering(settings())
	for _, s := range chosen {
		if !s.possible() {
			t.Errorf("%s cannot be set up", s)
		}
		for _, p := range s.pairs() {
			covered[p] = true
		}
	}
	for _, s := range settings() {
		for _, p := range s.pairs() {
			if !covered[p] {
				t.Errorf("no setting has %s with %s", p[0], p[1])
				covered[p] = true
			}
		}
	}
	t.Logf("%d of %d settings, %d pairs", len(chosen), len(settings()), len(covered))
}
