// One feature of QUIC, exercised against a server by a client on quic-go's API; prints JSON.
//
//	feature -url https://127.0.0.1:4433 -feature keyupdate -bytes 1000000
//
// Features: handshake, retry, resumption, zerortt, keyupdate, rebinding, migration. Each downloads
// /x?bytes=N over HTTP/3; what was seen of the feature on the wire is in the report. Exit code 1: the
// download failed.
package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/quic-go/qlog"
	"github.com/quic-go/quic-go/qlogwriter"
)

type report struct {
	Bytes   int64  `json:"bytes"`
	Sha256  string `json:"sha256"`
	Resumed bool   `json:"resumed"`
	Early   bool   `json:"early"`
	seen
	Error string `json:"error,omitempty"`
}

// What came from the server, of the last connection.
type seen struct {
	Retries     int `json:"retries"`
	UpdatedKeys int `json:"updated_keys"` // packets in the key phase after the first
	Challenges  int `json:"challenges"`   // PATH_CHALLENGE frames
	Responses   int `json:"responses"`    // PATH_RESPONSE frames
}

type recorder struct {
	lock sync.Mutex
	seen seen
}

func (r *recorder) AddProducer() qlogwriter.Recorder { return r }
func (r *recorder) SupportsSchemas(string) bool      { return true }
func (r *recorder) Close() error                     { return nil }

func (r *recorder) RecordEvent(event qlogwriter.Event) {
	packet, ok := event.(qlog.PacketReceived)
	if !ok {
		return
	}
	r.lock.Lock()
	defer r.lock.Unlock()
	if packet.Header.PacketType == qlog.PacketTypeRetry {
		r.seen.Retries++
	}
	if packet.Header.KeyPhaseBit == qlog.KeyPhaseOne {
		r.seen.UpdatedKeys++
	}
	for _, frame := range packet.Frames {
		switch frame.Frame.(type) {
		case *qlog.PathChallengeFrame:
			r.seen.Challenges++
		case *qlog.PathResponseFrame:
			r.seen.Responses++
		}
	}
}

func (r *recorder) read() seen {
	r.lock.Lock()
	defer r.lock.Unlock()
	return r.seen
}

// A socket that another one can take the place of, without quic-go's knowledge: a NAT's rebinding.
type socket struct {
	current atomic.Pointer[net.UDPConn]
}

func listen() (*net.UDPConn, error) { return net.ListenUDP("udp4", &net.UDPAddr{}) }

func (s *socket) rebind() error {
	next, err := listen()
	if err != nil {
		return err
	}
	return s.current.Swap(next).Close()
}

func (s *socket) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		reading := s.current.Load()
		n, from, err := reading.ReadFrom(b)
		if err == nil || reading == s.current.Load() {
			return n, from, err
		}
	}
}

func (s *socket) WriteTo(b []byte, to net.Addr) (int, error) { return s.current.Load().WriteTo(b, to) }
func (s *socket) Close() error                               { return s.current.Load().Close() }
func (s *socket) LocalAddr() net.Addr                        { return s.current.Load().LocalAddr() }
func (s *socket) SetDeadline(t time.Time) error              { return s.current.Load().SetDeadline(t) }
func (s *socket) SetReadDeadline(t time.Time) error          { return s.current.Load().SetReadDeadline(t) }
func (s *socket) SetWriteDeadline(t time.Time) error         { return s.current.Load().SetWriteDeadline(t) }

// The newest ticket, and word that one came.
type tickets struct {
	tls.ClientSessionCache
	came chan struct{}
}

func (t *tickets) Put(key string, state *tls.ClientSessionState) {
	t.ClientSessionCache.Put(key, state)
	select {
	case t.came <- struct{}{}:
	default:
	}
}

type client struct {
	host    string
	size    int64
	tickets *tickets
	config  tls.Config
}

// Downloads over one connection; `half` is called when half of the body is here.
func (c *client) download(ctx context.Context, early bool, half func(*socket, *quic.Conn) error) (*report, error) {
	first, err := listen()
	if err != nil {
		return nil, err
	}
	sock := &socket{}
	sock.current.Store(first)
	transport := &quic.Transport{Conn: sock}
	defer transport.Close()
	rec := &recorder{}
	config := &quic.Config{
		Tracer:          func(context.Context, bool, quic.ConnectionID) qlogwriter.Trace { return rec },
		KeepAlivePeriod: 100 * time.Millisecond,
	}
	address, err := net.ResolveUDPAddr("udp4", c.host)
	if err != nil {
		return nil, err
	}
	dial := transport.Dial
	method := http.MethodGet
	if early {
		dial = transport.DialEarly
		method = http3.MethodGet0RTT
	}
	conn, err := dial(ctx, address, &c.config, config)
	if err != nil {
		return nil, err
	}
	url := fmt.Sprintf("https://%s/x?bytes=%d", c.host, c.size)
	request, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := (&http3.Transport{}).NewClientConn(conn).RoundTrip(request)
	if err != nil {
		return nil, err
	}
	hash := sha256.New()
	n, err := io.CopyN(hash, response.Body, c.size/2)
	if err == nil && half != nil {
		err = half(sock, conn)
	}
	if err != nil {
		return nil, err
	}
	rest, err := io.Copy(hash, response.Body)
	if err != nil {
		return nil, err
	}
	state := conn.ConnectionState()
	result := &report{
		Bytes: n + rest, Sha256: hex.EncodeToString(hash.Sum(nil)),
		Resumed: state.TLS.DidResume, Early: state.Used0RTT,
	}
	if c.tickets != nil {
		select {
		case <-c.tickets.came:
		case <-ctx.Done():
			return nil, fmt.Errorf("no session ticket came: %w", ctx.Err())
		}
	}
	// What was sent last may still be on its way.
	time.Sleep(50 * time.Millisecond)
	_ = conn.CloseWithError(quic.ApplicationErrorCode(http3.ErrCodeNoError), "")
	result.seen = rec.read()
	return result, nil
}

func migrate(ctx context.Context) func(*socket, *quic.Conn) error {
	return func(_ *socket, conn *quic.Conn) error {
		other, err := listen()
		if err != nil {
			return err
		}
		path, err := conn.AddPath(&quic.Transport{Conn: other})
		if err != nil {
			return err
		}
		if err := path.Probe(ctx); err != nil {
			return err
		}
		return path.Switch()
	}
}

func (c *client) run(ctx context.Context, feature string) (*report, error) {
	c.config = tls.Config{InsecureSkipVerify: true, NextProtos: []string{http3.NextProtoH3}}
	switch feature {
	case "handshake", "retry", "keyupdate": // quic-go updates its keys after 100 packets
		return c.download(ctx, false, nil)
	case "resumption", "zerortt":
		c.tickets = &tickets{tls.NewLRUClientSessionCache(1), make(chan struct{}, 1)}
		c.config.ClientSessionCache = c.tickets
		if _, err := c.download(ctx, false, nil); err != nil {
			return nil, fmt.Errorf("first connection: %w", err)
		}
		return c.download(ctx, feature == "zerortt", nil)
	case "rebinding":
		return c.download(ctx, false, func(s *socket, _ *quic.Conn) error { return s.rebind() })
	case "migration":
		return c.download(ctx, false, migrate(ctx))
	}
	return nil, fmt.Errorf("no feature %q", feature)
}

func main() {
	var c client
	origin := flag.String("url", "https://127.0.0.1:4433", "origin, without a path")
	feature := flag.String("feature", "handshake", "")
	limit := flag.Duration("timeout", 20*time.Second, "for everything")
	flag.Int64Var(&c.size, "bytes", 1_000_000, "of the download")
	flag.Parse()
	c.host = strings.TrimPrefix(*origin, "https://")
	ctx, cancel := context.WithTimeout(context.Background(), *limit)
	defer cancel()
	out, err := c.run(ctx, *feature)
	if err != nil {
		out = &report{Error: err.Error()}
	}
	if json.NewEncoder(os.Stdout).Encode(out) != nil || err != nil {
		os.Exit(1)
	}
}
