// Many connections over one UDP socket, as quic-go's Transport allows; prints JSON.
//
//	multiplex -url https://127.0.0.1:4433 -connections 20 -bytes 1000000
//	multiplex -url https://127.0.0.1:4433 -connections 20 -sockets 8
//
// Each connection downloads and uploads, twice. With -sockets N the connections are opened from N
// sockets and migrate to the first one (RFC 9000 §9) amid the first round: then connections share
// addresses that a server's hash had told apart. The server answers GET /x?bytes=N with N bytes and
// a POST with its own body. Exit code 1: something failed or came back different.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

type transfer struct {
	Connection int    `json:"connection"`
	Round      int    `json:"round"`
	Kind       string `json:"kind"`
	Bytes      int64  `json:"bytes"`
	Sha256     string `json:"sha256"`
	Error      string `json:"error,omitempty"`
}

type report struct {
	Seconds   float64    `json:"seconds"`
	Migrated  int        `json:"migrated"`
	Transfers []transfer `json:"transfers"`
	Errors    []string   `json:"errors"`
}

// One connection and the HTTP/3 client on it.
type client struct {
	index     int
	keepAlive time.Duration
	conn      *quic.Conn
	http      *http3.ClientConn
}

func listen() (*quic.Transport, error) {
	socket, err := net.ListenUDP("udp", &net.UDPAddr{})
	if err != nil {
		return nil, err
	}
	return &quic.Transport{Conn: socket}, nil
}

func (c *client) open(ctx context.Context, tr *quic.Transport, host string) error {
	address, err := net.ResolveUDPAddr("udp", host)
	if err != nil {
		return err
	}
	config := &tls.Config{InsecureSkipVerify: true, NextProtos: []string{http3.NextProtoH3}}
	c.conn, err = tr.Dial(ctx, address, config, &quic.Config{KeepAlivePeriod: c.keepAlive})
	if err != nil {
		return err
	}
	c.http = (&http3.Transport{}).NewClientConn(c.conn)
	return nil
}

func (c *client) request(ctx context.Context, method, url string, body io.Reader, into io.Writer) error {
	request, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return err
	}
	response, err := c.http.RoundTrip(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != 200 {
		return fmt.Errorf("status %d", response.StatusCode)
	}
	_, err = io.Copy(into, response.Body)
	return err
}

func (c *client) download(ctx context.Context, origin string, size int64) (string, error) {
	hash := sha256.New()
	err := c.request(ctx, "GET", fmt.Sprintf("%s/x?bytes=%d", origin, size), nil, hash)
	return hex.EncodeToString(hash.Sum(nil)), err
}

// Another body for each connection: one that is delivered to another shows.
func (c *client) upload(ctx context.Context, origin string, size int64) (string, error) {
	body := make([]byte, size)
	rand.New(rand.NewSource(int64(c.index))).Read(body)
	hash := sha256.New()
	if err := c.request(ctx, "POST", origin+"/x", bytes.NewReader(body), hash); err != nil {
		return "", err
	}
	sent := sha256.Sum256(body)
	if !bytes.Equal(sent[:], hash.Sum(nil)) {
		return "", errors.New("another body came back")
	}
	return hex.EncodeToString(sent[:]), nil
}

func (c *client) migrate(ctx context.Context, to *quic.Transport) error {
	path, err := c.conn.AddPath(to)
	if err != nil {
		return err
	}
	if err := path.Probe(ctx); err != nil {
		return err
	}
	return path.Switch()
}

// All connections at once, each down and up at once.
func exchange(ctx context.Context, clients []*client, origin string, size int64, round int) []transfer {
	results := make([]transfer, 2*len(clients))
	var wait sync.WaitGroup
	for i, c := range clients {
		for j, kind := range []string{"download", "upload"} {
			wait.Go(func() {
				run := c.download
				if kind == "upload" {
					run = c.upload
				}
				hash, err := run(ctx, origin, size)
				result := transfer{i, round, kind, size, hash, ""}
				if err != nil {
					result.Error = err.Error()
				}
				results[2*i+j] = result
			})
		}
	}
	wait.Wait()
	return results
}

type options struct {
	host        string
	connections int
	sockets     int
	size        int64
	keepAlive   time.Duration
}

func run(ctx context.Context, o options) *report {
	out := &report{Transfers: []transfer{}, Errors: []string{}}
	var lock sync.Mutex
	failed := func(err error) {
		lock.Lock()
		defer lock.Unlock()
		out.Errors = append(out.Errors, err.Error())
	}
	transports := make([]*quic.Transport, o.sockets)
	for i := range transports {
		tr, err := listen()
		if err != nil {
			failed(err)
			return out
		}
		transports[i] = tr
	}
	clients := make([]*client, o.connections)
	var wait sync.WaitGroup
	for i := range clients {
		clients[i] = &client{index: i, keepAlive: o.keepAlive}
		wait.Go(func() {
			if err := clients[i].open(ctx, transports[i%o.sockets], o.host); err != nil {
				failed(fmt.Errorf("connection %d: %w", i, err))
			}
		})
	}
	wait.Wait()
	if len(out.Errors) > 0 {
		return out
	}
	// The migrations fall into the first round; the second is all on one socket.
	for i, c := range clients {
		if i%o.sockets == 0 {
			continue
		}
		wait.Go(func() {
			if err := c.migrate(ctx, transports[0]); err != nil {
				failed(fmt.Errorf("migration of connection %d: %w", i, err))
				return
			}
			lock.Lock()
			out.Migrated++
			lock.Unlock()
		})
	}
	origin := "https://" + o.host
	out.Transfers = exchange(ctx, clients, origin, o.size, 1)
	wait.Wait()
	out.Transfers = append(out.Transfers, exchange(ctx, clients, origin, o.size, 2)...)
	for _, c := range clients {
		_ = c.conn.CloseWithError(quic.ApplicationErrorCode(http3.ErrCodeNoError), "")
	}
	return out
}

func main() {
	var o options
	origin := flag.String("url", "https://127.0.0.1:4433", "origin, without a path")
	limit := flag.Duration("timeout", 60*time.Second, "for everything")
	flag.IntVar(&o.connections, "connections", 20, "")
	flag.IntVar(&o.sockets, "sockets", 1, "to open the connections from")
	flag.Int64Var(&o.size, "bytes", 1_000_000, "of each download and each upload")
	flag.DurationVar(&o.keepAlive, "keep-alive", 0, "of silence until a PING; 0: none")
	flag.Parse()
	o.host = strings.TrimPrefix(*origin, "https://")
	ctx, cancel := context.WithTimeout(context.Background(), *limit)
	defer cancel()
	started := time.Now()
	out := run(ctx, o)
	out.Seconds = time.Since(started).Seconds()
	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		os.Exit(2)
	}
	failures := len(out.Errors)
	for _, done := range out.Transfers {
		if done.Error != "" {
			failures++
		}
	}
	if failures > 0 {
		os.Exit(1)
	}
}
