// A C++ wrapper of the usual kind: a class that owns a handle, lambdas as callbacks, exceptions for errors.
#include <zookeeper/zookeeper.h>

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

class Error : public std::runtime_error {
public:
    explicit Error(int code) : std::runtime_error(zerror(code)), code_(static_cast<ZOO_ERRORS>(code)) {}
    ZOO_ERRORS code() const { return code_; }

private:
    ZOO_ERRORS code_;
};

class Session {
public:
    Session(const std::string &hosts, std::chrono::milliseconds timeout)
        : handle_(zookeeper_init(hosts.c_str(), &Session::onEvent, static_cast<int>(timeout.count()), nullptr, this, 0),
                  &zookeeper_close)
    {
        if (!handle_)
            throw std::runtime_error("zookeeper_init");
    }

    std::string read(const std::string &path)
    {
        Stat stat{};
        std::vector<char> buffer(1 << 20);
        int length = static_cast<int>(buffer.size());
        check(zoo_get(handle_.get(), path.c_str(), 0, buffer.data(), &length, &stat));
        return std::string(buffer.data(), length < 0 ? 0 : static_cast<std::size_t>(length));
    }

    std::vector<std::string> children(const std::string &path)
    {
        struct String_vector found;
        check(zoo_get_children(handle_.get(), path.c_str(), 0, &found));
        std::vector<std::string> names(found.data, found.data + found.count);
        deallocate_String_vector(&found);
        return names;
    }

    void write(const std::string &path, const std::string &value)
    {
        auto completion = [](int rc, const Stat *stat, const void *data) {
            auto *self = static_cast<Session *>(const_cast<void *>(data));
            std::lock_guard<std::mutex> lock(self->mutex_);
            self->version_ = rc == ZOK ? stat->version : rc;
            self->changed_.notify_all();
        };
        check(zoo_aset(handle_.get(), path.c_str(), value.data(), static_cast<int>(value.size()), -1, completion, this));
    }

    ACL_vector restricted()
    {
        entry_.perms = ZOO_PERM_READ | ZOO_PERM_WRITE;
        entry_.id = ZOO_AUTH_IDS;
        return {1, &entry_};
    }

private:
    static void onEvent(zhandle_t *, int type, int state, const char *path, void *context)
    {
        auto *self = static_cast<Session *>(context);
        std::lock_guard<std::mutex> lock(self->mutex_);
        if (type == ZOO_SESSION_EVENT)
            self->state_ = state;
        else
            self->events_[path] = type;
        self->changed_.notify_all();
    }

    static void check(int rc)
    {
        if (rc != ZOK)
            throw Error(rc);
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<std::string, int> events_;
    int state_ = 0, version_ = 0;
    ACL entry_{};
    std::unique_ptr<zhandle_t, int (*)(zhandle_t *)> handle_;
};

int main(int argc, char **argv)
{
    try {
        Session session(argc > 1 ? argv[1] : "localhost:2181", std::chrono::seconds(10));
        session.write("/node", "value");
        return static_cast<int>(session.children("/").size() + session.read("/node").size());
    } catch (const Error &error) {
        return error.code() == ZNONODE ? 0 : 1;
    }
}
