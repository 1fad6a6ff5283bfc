// Check reads a log that Steward wrote into a directory and verifies it with Go's own code: golang.org/x/mod/sumdb/note for
// keys and signatures, golang.org/x/mod/sumdb/tlog for hashes, tiles and proofs. It prints OK, or says what is wrong and exits 1.
//
//	GO111MODULE=off GOPATH=/usr/share/gocode go build -o check check.go && ./check DIR
//
// DIR holds old-installation.vkey, steward.chain, installation.vkey, log-key.note, checkpoint, old-checkpoint, tile/… (C2SP tlog-tiles) and proofs: lines
// "inclusion INDEX HASH…" in the tree of checkpoint, and "consistency FROM HASH…" from a size to that of checkpoint.
package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

var dir string

func fail(format string, args ...interface{}) {
	fmt.Printf("FAIL "+format+"\n", args...)
	os.Exit(1)
}

func read(name string) []byte {
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		fail("%v", err)
	}
	return data
}

func open(name, vkey string) string {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		fail("%s: %v", name, err)
	}
	n, err := note.Open(read(name), note.VerifierList(verifier))
	if err != nil {
		fail("%s: %v", name, err)
	}
	return n.Text
}

func checkpoint(name, origin, vkey string) tlog.Tree {
	lines := strings.Split(open(name, vkey), "\n")
	if len(lines) != 4 || lines[0] != origin {
		fail("%s: not a checkpoint of %s", name, origin)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		fail("%s: %v", name, err)
	}
	hash, err := tlog.ParseHash(lines[2])
	if err != nil {
		fail("%s: %v", name, err)
	}
	return tlog.Tree{N: size, Hash: hash}
}

// tilePath is Go's name of a tile in the spelling of C2SP: without the height, and entries instead of data.
func tilePath(t tlog.Tile) string {
	return strings.Replace(strings.Replace(t.Path(), "tile/8/", "tile/", 1), "tile/data/", "tile/entries/", 1)
}

type tiles struct{}

func (tiles) Height() int { return 8 }
func (tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var out [][]byte
	for _, t := range wanted {
		out = append(out, read(tilePath(t)))
	}
	return out, nil
}
func (tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func entries(size int64) [][]byte {
	var out [][]byte
	for n := int64(0); n*256 < size; n++ {
		width := size - n*256
		if width > 256 {
			width = 256
		}
		data := read(tilePath(tlog.Tile{H: 8, L: -1, N: n, W: int(width)}))
		for i := int64(0); i < width; i++ {
			if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
				fail("entry bundle %d is too short", n)
			}
			length := int(binary.BigEndian.Uint16(data))
			out = append(out, data[2:2+length])
			data = data[2+length:]
		}
		if len(data) != 0 {
			fail("entry bundle %d is too long", n)
		}
	}
	return out
}

type memory []tlog.Hash

func (m memory) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var out []tlog.Hash
	for _, i := range indexes {
		out = append(out, m[i])
	}
	return out, nil
}

func checkTree(tree tlog.Tree, old tlog.Tree) memory {
	var hashes memory
	for i, data := range entries(tree.N) {
		added, err := tlog.StoredHashes(int64(i), data, hashes)
		if err != nil {
			fail("%v", err)
		}
		hashes = append(hashes, added...)
	}
	for _, t := range []tlog.Tree{tree, old} {
		root, err := tlog.TreeHash(t.N, hashes)
		if err != nil || root != t.Hash {
			fail("the entries do not have the root of the checkpoint of %d", t.N)
		}
	}
	for _, t := range tlog.NewTiles(8, 0, tree.N) {
		if t.W < 256 && int64(t.W) != tree.N>>(8*uint(t.L))-t.N*256 {
			continue // a narrower tile of a smaller tree
		}
		data, err := tlog.ReadTileData(t, hashes)
		if err != nil || !bytes.Equal(data, read(tilePath(t))) {
			fail("%s is not the tile of these entries", tilePath(t))
		}
	}
	reader := tlog.TileHashReader(tree, tiles{})
	if _, err := reader.ReadHashes([]int64{0, tlog.StoredHashIndex(0, tree.N-1)}); err != nil {
		fail("tiles: %v", err)
	}
	return hashes
}

func checkProof(line string, tree tlog.Tree, hashes memory) {
	fields := strings.Fields(line)
	number, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		fail("%v", err)
	}
	var proof []tlog.Hash
	for _, text := range fields[2:] {
		hash, err := tlog.ParseHash(text)
		if err != nil {
			fail("%v", err)
		}
		proof = append(proof, hash)
	}
	switch fields[0] {
	case "inclusion":
		leaf := hashes[tlog.StoredHashIndex(0, number)]
		err = tlog.CheckRecord(proof, tree.N, tree.Hash, number, leaf)
	case "consistency":
		var root tlog.Hash
		if root, err = tlog.TreeHash(number, hashes); err == nil {
			err = tlog.CheckTree(proof, tree.N, tree.Hash, number, root)
		}
	default:
		fail("unknown proof %s", fields[0])
	}
	if err != nil {
		fail("%s %d: %v", fields[0], number, err)
	}
}

// checkChain goes from one installation key to the next by statements that both have signed, nine lines each.
func checkChain(from, to string) {
	lines := strings.SplitAfter(string(read("steward.chain")), "\n")
	if len(lines)%9 != 1 || lines[len(lines)-1] != "" {
		fail("steward.chain is not made of notes of nine lines")
	}
	for ; len(lines) > 1; lines = lines[9:] {
		text := strings.Split(strings.Join(lines[:9], ""), "\n")
		before, err := note.NewVerifier(text[3])
		if err != nil {
			fail("steward.chain: %v", err)
		}
		after, err := note.NewVerifier(text[4])
		if err != nil {
			fail("steward.chain: %v", err)
		}
		n, err := note.Open([]byte(strings.Join(lines[:9], "")), note.VerifierList(before, after))
		if err != nil || len(n.Sigs) != 2 || len(n.UnverifiedSigs) != 0 {
			fail("steward.chain: not signed by both keys: %v", err)
		}
		if text[0] != "steward/installation-key/v1" || text[3] != from {
			fail("steward.chain does not follow from %s", from)
		}
		from = text[4]
	}
	if from != to {
		fail("steward.chain does not lead to %s", to)
	}
}

func main() {
	if len(os.Args) != 2 {
		fail("usage: check DIR")
	}
	dir = os.Args[1]
	installation := strings.TrimSpace(string(read("installation.vkey")))
	checkChain(strings.TrimSpace(string(read("old-installation.vkey"))), installation)
	certificate := strings.Split(open("log-key.note", installation), "\n")
	if len(certificate) != 5 || certificate[0] != "steward/log-key/v1" {
		fail("log-key.note is not a log-key certificate")
	}
	tree := checkpoint("checkpoint", certificate[1], certificate[2])
	old := checkpoint("old-checkpoint", certificate[1], certificate[2])
	hashes := checkTree(tree, old)
	lines := strings.Split(strings.TrimSpace(string(read("proofs"))), "\n")
	for _, line := range lines {
		checkProof(line, tree, hashes)
	}
	fmt.Printf("OK %d entries, %d proofs\n", tree.N, len(lines))
}
