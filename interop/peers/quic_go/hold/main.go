// Many connections held open over few UDP sockets; prints JSON at the end.
//
//	hold -url https://127.0.0.1:4433 -connections 10000 -sockets 4
//	hold -url https://127.0.0.1:4433 -connections 500 -path /x?bytes=100000 -path /stream?bytes=100000
//
// Opens them, some at a time, and with -path begins a download on each, of which the first KiB is
// read; the paths take turns. Then prints "open N" and waits for a line on standard input. After it
// the downloads are read to their ends and all is closed. Exit code 1: something failed.
package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

const firstBytes = 1 << 10

type download struct {
	Connection int    `json:"connection"`
	Path       string `json:"path"`
	Bytes      int64  `json:"bytes"`
	Sha256     string `json:"sha256"`
	Error      string `json:"error,omitempty"`
}

type report struct {
	Downloads []download `json:"downloads"`
	Errors    []string   `json:"errors"`
}

type paths []string

func (p *paths) String() string         { return strings.Join(*p, " ") }
func (p *paths) Set(value string) error { *p = append(*p, value); return nil }

type held struct {
	conn *quic.Conn
	body io.ReadCloser
	path string
	head []byte
}

type options struct {
	host     string
	paths    paths
	window   uint64
	sockets  []*quic.Transport
	parallel int
}

func (o *options) open(ctx context.Context, i int) (*held, error) {
	address, err := net.ResolveUDPAddr("udp", o.host)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{InsecureSkipVerify: true, NextProtos: []string{http3.NextProtoH3}}
	conn, err := o.sockets[i%len(o.sockets)].Dial(ctx, address, config, &quic.Config{
		HandshakeIdleTimeout: 20 * time.Second,
		MaxIdleTimeout:       10 * time.Minute,
		// Of a download that is not read, the most is still at the server.
		InitialStreamReceiveWindow:     o.window,
		MaxStreamReceiveWindow:         o.window,
		InitialConnectionReceiveWindow: 2 * o.window,
		MaxConnectionReceiveWindow:     2 * o.window,
		DisablePathMTUDiscovery:        true,
	})
	if err != nil {
		return nil, err
	}
	h := &held{conn: conn}
	if len(o.paths) > 0 {
		h.path = o.paths[i%len(o.paths)]
		err = h.begin(ctx, "https://"+o.host+h.path)
	}
	return h, err
}

func (h *held) begin(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := (&http3.Transport{}).NewClientConn(h.conn).RoundTrip(request)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", response.StatusCode)
	}
	h.body = response.Body
	h.head = make([]byte, firstBytes)
	_, err = io.ReadFull(h.body, h.head)
	return err
}

// Reads the rest.
func (h *held) end(i int) download {
	out := download{Connection: i, Path: h.path}
	hash := sha256.New()
	hash.Write(h.head)
	rest, err := io.Copy(hash, h.body)
	out.Bytes = int64(len(h.head)) + rest
	out.Sha256 = hex.EncodeToString(hash.Sum(nil))
	if err != nil {
		out.Error = err.Error()
	}
	return out
}

func (o *options) run(ctx context.Context, count int) *report {
	out := &report{Downloads: []download{}, Errors: []string{}}
	var lock sync.Mutex
	all := make([]*held, count)
	each := func(parallel int, work func(i int) error) {
		var wait sync.WaitGroup
		gate := make(chan struct{}, parallel)
		for i := range all {
			gate <- struct{}{}
			wait.Go(func() {
				defer func() { <-gate }()
				if err := work(i); err != nil {
					lock.Lock()
					defer lock.Unlock()
					out.Errors = append(out.Errors, fmt.Sprintf("connection %d: %v", i, err))
				}
			})
		}
		wait.Wait()
	}
	each(o.parallel, func(i int) error {
		h, err := o.open(ctx, i)
		if err == nil {
			all[i] = h
		}
		return err
	})
	fmt.Printf("open %d\n", count-len(out.Errors))
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	each(count, func(i int) error {
		h := all[i]
		if h == nil {
			return nil
		}
		if h.body != nil {
			done := h.end(i)
			lock.Lock()
			out.Downloads = append(out.Downloads, done)
			lock.Unlock()
		} else if h.conn.Context().Err() != nil {
			return errors.Join(errors.New("died meanwhile"), context.Cause(h.conn.Context()))
		}
		return nil
	})
	// Not all in one burst: a CONNECTION_CLOSE that the server's socket drops is not sent again.
	each(16, func(i int) error {
		if all[i] == nil {
			return nil
		}
		time.Sleep(2 * time.Millisecond)
		return all[i].conn.CloseWithError(quic.ApplicationErrorCode(http3.ErrCodeNoError), "")
	})
	return out
}

func main() {
	var o options
	origin := flag.String("url", "https://127.0.0.1:4433", "origin, without a path")
	count := flag.Int("connections", 1000, "")
	sockets := flag.Int("sockets", 1, "to open the connections from")
	flag.IntVar(&o.parallel, "parallel", 64, "handshakes at a time")
	flag.Uint64Var(&o.window, "window", 16<<10, "bytes of flow control of each stream")
	flag.Var(&o.paths, "path", "to download; may be given several times")
	limit := flag.Duration("timeout", 2*time.Minute, "for everything")
	flag.Parse()
	o.host = strings.TrimPrefix(*origin, "https://")
	for range *sockets {
		socket, err := net.ListenUDP("udp", &net.UDPAddr{})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		o.sockets = append(o.sockets, &quic.Transport{Conn: socket})
	}
	ctx, cancel := context.WithTimeout(context.Background(), *limit)
	defer cancel()
	out := o.run(ctx, *count)
	failed := len(out.Errors) > 0
	for _, done := range out.Downloads {
		failed = failed || done.Error != ""
	}
	if json.NewEncoder(os.Stdout).Encode(out) != nil || failed {
		os.Exit(1)
	}
}
